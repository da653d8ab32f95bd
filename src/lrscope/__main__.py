"""`python -m lrscope` is the command line."""

import sys

from lrscope.cli import main

sys.exit(main())
