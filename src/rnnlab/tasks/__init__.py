"""Heads, losses, metrics and predictions, one file a kind of target."""
