"""Networks on a GPU, against what the card can do, and against the CPU."""
