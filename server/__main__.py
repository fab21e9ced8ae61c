"""`python -m server`: the command `cleans2s`."""

import sys

from server.cli import main

if __name__ == "__main__":
    sys.exit(main())
