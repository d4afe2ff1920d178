"""The model folder: write, read, verify; and the one path of inference."""
