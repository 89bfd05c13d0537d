"""What can happen to runs and sweeps, part by part; `faults.py` runs them."""
