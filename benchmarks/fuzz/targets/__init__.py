"""The doors: what each takes, and inputs to start from."""
