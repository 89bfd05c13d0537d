"""Curves and their numbers: worked examples, and how little a batch's shape matters."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnlab.diagnostics.stats import FLOOR, MAX_HALF_LIFE, by_lag, curve_of, stacked


def geometric(lengths, rho, level=1.0, steps=None):
    """Norms that grow by `rho` a step back in time."""
    norms = np.zeros((len(lengths), steps or max(lengths)))
    for row, length in enumerate(lengths):
        norms[row, :length] = level * rho ** np.arange(length)[::-1]
    return norms


def test_lags_count_from_each_sequences_own_end():
    norms = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 0.0], [0.0, 6.0, 0.0], [0.0, 0.0, 0.0]])
    nan = np.nan
    expected = [[3.0, 2.0, 1.0], [5.0, 4.0, nan], [6.0, 0.0, nan], [nan] * 3]
    np.testing.assert_array_equal(by_lag(norms), expected)


@given(
    lengths=st.lists(st.integers(1, 30), min_size=1, max_size=6).filter(lambda n: max(n) > 1),
    rho=st.floats(0.5, 1.5),
    level=st.floats(1e-3, 1e3),
    extra=st.integers(0, 5),
)
def test_the_slope_of_a_geometric_curve(lengths, rho, level, extra):
    curve = curve_of(geometric(lengths, rho, level, max(lengths) + extra))
    assert curve.decades_per_step == pytest.approx(np.log10(rho), abs=1e-9)
    if abs(rho - 1) > 1e-3:
        assert curve.half_life == pytest.approx(np.log(2) / abs(np.log(rho)), rel=1e-5)
    steps = np.mean([length - 1 for length in lengths if length > 1])
    assert curve.first_last_ratio == pytest.approx(rho**steps, rel=1e-6)


def curve(*decades):
    """Of one sequence, by lag."""
    return curve_of(10.0 ** np.array([decades[::-1]]))


def test_a_line_speaks_only_for_what_it_describes():
    """A valley of four decades has a slope of 0 by least squares, and is anything but healthy."""
    valley = curve(0, -1, -2, -3, -4, -3, -2, -1, 0)
    assert np.isnan(valley.decades_per_step)
    assert np.isnan(valley.half_life)
    assert set(valley.scalars("x")) == {
        "x/first_last_ratio",
        "x/lag_of_tenth",
        "x/lag_of_hundredth",
    }
    step = curve(*[0] * 10, *[-6] * 30)
    assert np.isnan(step.decades_per_step)
    noisy = curve(0.01, -0.52, -0.98, -1.51, -2.0, -2.49)
    assert noisy.decades_per_step == pytest.approx(-0.5, abs=0.01)
    flat = curve(0, 0.05, -0.05, 0.05, 0, -0.05)  # explains nothing of what is next to nothing
    assert abs(flat.decades_per_step) < 0.02
    assert flat.half_life > 10


def test_where_it_first_falls_to_a_tenth_and_a_hundredth():
    valley = curve(1, 0.5, -0.5, -1.5, -3, 1)
    assert valley.lag_of_tenth == pytest.approx(1.5)
    assert valley.lag_of_hundredth == pytest.approx(2.5)
    assert valley.falls == "down to a tenth at lag 1.5, to a hundredth at 2.5"
    assert np.isnan(curve(0, -0.9, -0.5).lag_of_tenth)
    assert curve(0, -0.9, -0.5).falls == "never down to a tenth"
    assert curve(0, -1.5).falls == "down to a tenth at lag 0.667"


def test_what_falls_below_the_floor_has_fallen():
    """A gradient that is gone after a step is not one that never falls."""
    gone = curve_of(np.array([[0.0] * 9 + [1.0]] * 3))
    assert np.isnan(gone.decades_per_step)
    assert 0 < gone.lag_of_tenth < gone.lag_of_hundredth < 1
    assert gone.falls.startswith("down to a tenth")
    gap = curve_of(np.array([[1e-3, 0.0, 0.0, 1.0]]))
    assert 0 < gap.lag_of_tenth < 1
    assert curve_of(np.array([[1.0, 0.0, 1e-19]])).scalars("x") == {}  # nothing to fall from


@pytest.mark.parametrize("kept", [2, 5, 30])
def test_a_flat_curve_that_ends_in_nothing_is_not_flat(kept):
    norms = np.array([[0.0] * 20 + [1.0] * kept] * 4)
    dies = curve_of(norms)
    assert np.isnan(dies.decades_per_step)
    assert np.isnan(dies.half_life)
    assert kept - 1 < dies.lag_of_tenth < kept
    norms[:2] = 1.0  # half of them live: these speak
    assert curve_of(norms).decades_per_step == 0.0


def test_what_is_infinite_has_not_fallen():
    assert np.isnan(curve_of(np.array([[np.inf, np.inf, 1.0, 1.0]])).lag_of_tenth)


@given(rho=st.floats(0.3, 0.9))
def test_of_a_straight_line_a_tenth_is_left_after_so_many_half_lives(rho):
    straight = curve_of(geometric([60, 9], rho))
    assert straight.lag_of_tenth == pytest.approx(straight.half_life * np.log2(10), rel=1e-6)


def test_sequences_are_averaged_in_log_space():
    curve = curve_of(np.array([[1e-4, 1e-2], [1e-2, 1.0]]))
    np.testing.assert_allclose(curve.decades, [-1.0, -3.0])
    assert curve.first_last_ratio == pytest.approx(1e-2)


def test_a_span_is_that_of_the_sequences_with_a_ratio():
    assert curve_of(geometric([7, 3, 1], 0.9)).span == 4.0
    assert curve_of(geometric([1, 1], 0.9)).span == 0.0
    assert np.isnan(curve_of(np.zeros((2, 3))).span)


def test_a_flat_curve_has_the_longest_half_life():
    curve = curve_of(np.ones((2, 9)))
    assert curve.decades_per_step == 0.0
    assert curve.half_life == MAX_HALF_LIFE
    assert curve.scalars("flow/x") == {
        "flow/x/half_life": MAX_HALF_LIFE,
        "flow/x/decades_per_step": 0.0,
        "flow/x/first_last_ratio": 1.0,
    }


def test_the_floor_is_not_fitted():
    """Two decades a step, then nothing: the rest would make the slope flatter."""
    norms = geometric([40], 1e-2, level=0.5)
    norms[norms < FLOOR] = FLOOR / 3
    curve = curve_of(norms)
    assert curve.decades_per_step == pytest.approx(-2.0)
    assert np.isfinite(curve.decades).sum() == 9
    assert curve.first_last_ratio == pytest.approx(FLOOR)


def test_a_minority_below_the_floor_does_not_count():
    norms = geometric([12, 12, 12], 0.8)
    norms[0, :6] = 0.0
    assert curve_of(norms).decades_per_step == pytest.approx(np.log10(0.8))
    norms[1, :6] = 0.0
    assert np.isnan(curve_of(norms).decades[6:]).all()


def test_dead_sequences_and_infinite_norms_do_not_count():
    norms = np.concatenate([geometric([8, 5], 0.5, steps=8), np.zeros((3, 8))])
    assert curve_of(norms).decades_per_step == pytest.approx(np.log10(0.5))
    norms[4] = np.inf
    assert curve_of(norms).decades_per_step == pytest.approx(np.log10(0.5))


@pytest.mark.parametrize("norms", [np.zeros((2, 4)), np.ones((3, 1)), np.full((2, 3), np.nan)])
def test_where_there_is_nothing_to_say_nothing_is_said(norms):
    assert curve_of(norms).scalars("x") == {}


def test_batches_of_different_lengths_stack():
    one, two = geometric([7, 3], 0.9), geometric([4], 0.9)
    assert curve_of(stacked([one, two])).decades_per_step == pytest.approx(np.log10(0.9))
    assert curve_of(stacked([one, two])).sequences.tolist() == [3, 3, 3, 2, 1, 1, 1]
