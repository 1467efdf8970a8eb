"""Cameras, crops, ray maps, alignment and the mesh z-buffer. Stands on nothing else of the package."""
