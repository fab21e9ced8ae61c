"""`python -m server`: the command `cleans2s`."""

import sys

from server.cli import main

sys.exit(main())
