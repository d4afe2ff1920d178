"""Layers that two or more architectures share; the only rooms below training that load torch at import."""
