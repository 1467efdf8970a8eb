"""How a network runs: half precision, compilation, fixed batch sizes, one copy back."""
