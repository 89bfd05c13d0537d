"""Every scalar of a run once more, in float64, one step and one sequence after the other."""
