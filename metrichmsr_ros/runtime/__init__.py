"""ONNX Runtime, which runs networks that are exported or converted to ONNX graphs."""
