"""archwise chooses the right deep learning architecture for the data it is given, and proves the choice."""

__version__ = "0.1.0"
