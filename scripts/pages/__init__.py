"""Parts of `scripts/docs_tables.py` and `scripts/cell_cards.py`."""
