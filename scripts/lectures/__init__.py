"""What `scripts/lecture.py` is made of."""
