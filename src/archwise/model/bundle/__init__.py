"""One ONNX of a written model: its preparation, its network and its answers, for ONNX Runtime alone."""
