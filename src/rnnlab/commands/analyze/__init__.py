"""`rnnlab analyze`: what a trained net remembers, for how long, and why."""
