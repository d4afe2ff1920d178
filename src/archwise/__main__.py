"""`python -m archwise` is the command `archwise`."""

import sys

from archwise.cli import main

sys.exit(main())
