"""Networks in torch near the speed of their device: half precision, compilation, and fixed batch sizes."""
