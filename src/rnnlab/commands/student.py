"""Student's distribution, for errors and tests of few runs."""

import math


def share_within(freedom: int, t: float) -> float:
    """The probability that |T| is below t, T of Student's distribution.

    A finite sum (Abramowitz and Stegun 1964, 26.7.3 and 26.7.4).

    Args:
        freedom: Degrees of freedom, at least 1.
        t: At least 0; may be infinite.
    """
    angle = math.atan(t / math.sqrt(freedom))
    term = math.cos(angle) if freedom % 2 else 1.0
    total = term if freedom > 1 else 0.0
    for power in range(3 if freedom % 2 else 2, freedom - 1, 2):
        term *= (power - 1) / power * math.cos(angle) ** 2
        total += term
    total *= math.sin(angle)
    return 2 / math.pi * (angle + total) if freedom % 2 else total


def student_quantile(freedom: int, share: float) -> float:
    """The t that |T| is below with a probability, by bisection.

    Args:
        freedom: Degrees of freedom, at least 1.
        share: The probability, above 0 and below 1.
    """
    low, high = 0.0, math.pi / 2  # of atan(t / sqrt(freedom))
    for _ in range(60):
        angle = (low + high) / 2
        reached = share_within(freedom, math.sqrt(freedom) * math.tan(angle))
        low, high = (angle, high) if reached < share else (low, angle)
    return math.sqrt(freedom) * math.tan(low)
