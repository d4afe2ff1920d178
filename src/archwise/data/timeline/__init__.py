"""Time: measurements on a regular grid, how far apart they stand, what recurs in them, and windows of them."""
