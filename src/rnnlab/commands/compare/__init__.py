"""`rnnlab compare`: results, curves and differences of runs, side by side."""
