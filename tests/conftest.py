"""What holds for every test: one thread a process, so that sums do not depend on the cores of the machine."""

import os

os.environ["OMP_NUM_THREADS"] = "1"  # before any numerical library is loaded
