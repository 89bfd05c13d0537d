"""Parts of `scripts/learning_curves.py`."""
