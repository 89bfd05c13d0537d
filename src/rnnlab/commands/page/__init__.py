"""Charts, and the pages and pictures that show them; used by `compare` and `analyze`."""
