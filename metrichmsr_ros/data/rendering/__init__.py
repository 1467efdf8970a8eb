"""Rendered people, clothes, light and rooms."""
