"""Rendering of people, clothes, light and rooms."""
