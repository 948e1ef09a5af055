"""`python -m anymask` is the command line."""

import sys

from anymask.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
