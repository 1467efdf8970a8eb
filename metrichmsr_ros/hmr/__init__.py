"""Estimates of people from views, in NumPy; `hmr.network` holds the network in torch."""
