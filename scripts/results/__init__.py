"""Parts of `scripts/results_table.py`."""
