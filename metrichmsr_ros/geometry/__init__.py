"""Cameras, crops, ray maps, alignment and the mesh z-buffer. Imports only errors and types of the package."""
