"""Runs side by side: what they reached, what they felt of the past, where they differ."""
