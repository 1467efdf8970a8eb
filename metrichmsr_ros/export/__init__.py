"""Graphs for ONNX Runtime, exported from the torch modules that are trained."""
