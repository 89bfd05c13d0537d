"""The former name of `docs_tables.py`."""

import sys

from docs_tables import main

if __name__ == "__main__":
    sys.exit(main())
