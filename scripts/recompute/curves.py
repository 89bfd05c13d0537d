"""The numbers of a curve against lag, from single norms."""

from itertools import pairwise
from math import inf, isnan, log10, nan, sqrt

FLOOR = 1e-18


def curve_numbers(sequences):
    """From norms of sequences, each in the order of reading: name -> value, where there is one."""
    trimmed = []
    for norms in sequences:
        while norms and norms[-1] == 0:
            norms = norms[:-1]
        trimmed.append(norms[::-1])  # by lag
    longest = max((len(norms) for norms in trimmed), default=0)
    points = []  # lag, mean of logarithms, sequences
    fallen = []  # the same, below the floor
    for lag in range(longest):
        there = [norms[lag] for norms in trimmed if len(norms) > lag]
        alive = [log10(norm) for norm in there if norm > FLOOR and norm < inf]
        if alive and 2 * len(alive) >= len(there):
            points.append((lag, sum(alive) / len(alive), len(alive)))
        elif (low := sum(norm <= FLOOR for norm in there)) > len(alive):
            fallen.append((lag, log10(FLOOR), low))
    result = {}
    ratios = [
        log10(max(norms[-1], FLOOR)) - log10(norms[0])
        for norms in trimmed
        if len(norms) > 1 and norms[0] > FLOOR
    ]
    if ratios:
        result["first_last_ratio"] = 10 ** (sum(ratios) / len(ratios))
    slope = _line(points, fallen[:1])
    if not isnan(slope):
        result["decades_per_step"] = slope
        result["half_life"] = min(log10(2) / max(abs(slope), 1e-300), 1e6)
    for name, decades in {"lag_of_tenth": 1, "lag_of_hundredth": 2}.items():
        lag = _falls(sorted(points + fallen), decades)
        if lag is not None:
            result[name] = lag
    return result


def _line(points, bound):
    """Slope of the weighted least squares line; nan where it explains too little, or misses."""
    if len(points) < 2:
        return nan
    total = sum(w for _, _, w in points)
    x0 = sum(w * x for x, _, w in points) / total
    y0 = sum(w * y for _, y, w in points) / total
    slope = sum(w * (x - x0) * (y - y0) for x, y, w in points)
    slope /= sum(w * (x - x0) ** 2 for x, _, w in points)
    all_of = points + bound
    total = sum(w for _, _, w in all_of)
    left = sum(w * (y - y0 - slope * (x - x0)) ** 2 for x, y, w in all_of) / total
    mean = sum(w * y for _, y, w in all_of) / total
    spread = sum(w * (y - mean) ** 2 for _, y, w in all_of) / total
    return slope if sqrt(left) <= 0.1 or left <= 0.1 * spread else nan


def _falls(points, decades):
    if not points or points[0][0] != 0 or points[0][1] <= log10(FLOOR):
        return None
    for (x0, y0, _), (x1, y1, _) in pairwise(points):
        goal = points[0][1] - decades
        if y1 <= goal:
            return x0 + (y0 - goal) / (y0 - y1) * (x1 - x0)
    return None
