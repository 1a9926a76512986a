"""``python -m skvae``: the same as the ``skvae`` command."""

import sys

from skvae.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
