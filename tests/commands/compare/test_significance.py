"""Intervals and tests of a few seeds, by hand and against scipy."""

from pathlib import Path

import numpy as np
import pytest

from rnnlab.commands.compare.events import Log
from rnnlab.commands.compare.groups import Group
from rnnlab.commands.compare.run import LoggedRun
from rnnlab.commands.compare.significance import (
    RESAMPLES,
    bootstrap_interval,
    differences,
    holm,
    least_p,
    paired_t_p,
    rows,
    sentences,
    sign_flip_p,
)
from rnnlab.commands.student import share_within, student_quantile


def group(name, values, seeds=None, status="completed"):
    """Runs of one group with these test accuracies."""
    runs = []
    for number, value in enumerate(values):
        seed = seeds[number] if seeds else number + 1
        record = {"status": status, "steps": 1, "monitor": "val/accuracy", "score": value}
        record |= {"val": {"accuracy": value}, "test": {"accuracy": value}}
        folder = Path(f"{name}{number}")
        runs.append(LoggedRun(folder, "t", {"seed": seed}, {}, record, Log({}, {})))
    return Group(name, tuple(runs), None)


def test_students_t_by_hand():
    # mean 2, sample deviation 1, three pairs: t = 2 sqrt(3); with two degrees of freedom
    # p = 1 - t / sqrt(t^2 + 2) = 1 - sqrt(12 / 14)
    assert paired_t_p([1, 2, 3]) == pytest.approx(1 - np.sqrt(12 / 14))
    assert paired_t_p([-1, 1]) == 1
    assert (paired_t_p([0, 0, 0]), paired_t_p([1, 1, 1])) == (1, 0)
    assert share_within(1, 1.0) == pytest.approx(0.5)  # Cauchy
    assert student_quantile(1, 0.5) == pytest.approx(1.0)


def test_all_signs_by_hand():
    # of eight ways to sign 1, 2 and 3 the sums 6 and -6 alone are as far from 0
    assert sign_flip_p([1, 2, 3]) == 2 / 8
    # 1, 1 and 2: 4, -4 alone; -1, 1 and 2: sum 2, and +-4, +-2 (twice each) are as far
    assert sign_flip_p([1, 1, 2]) == 2 / 8
    assert sign_flip_p([-1, 1, 2]) == 6 / 8
    assert sign_flip_p([0, 0]) == 1
    assert least_p(5) == 1 / 16 == sign_flip_p([1, 2, 3, 4, 5])
    many = np.arange(1, 31)
    assert sign_flip_p(many) == least_p(30) == 1 / (RESAMPLES + 1)


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.9, 0.8]) == [1, 1]
    assert holm([]) == []


def test_bootstrap_of_two_values():
    # of two values a quarter of the samples is twice the first, a quarter twice the second
    assert bootstrap_interval([1.0, 3.0]) == (1.0, 3.0)
    assert bootstrap_interval([2.0, 2.0, 2.0]) == (2.0, 2.0)


def test_as_scipy_has_it():
    stats = pytest.importorskip("scipy.stats")
    random = np.random.default_rng(3)
    for count in (4, 5, 9, 12):
        one, other = random.normal(0.5, 1, count), random.normal(0, 1, count)
        gaps = one - other
        assert paired_t_p(gaps) == pytest.approx(stats.ttest_rel(one, other).pvalue, abs=1e-12)
        exact = stats.permutation_test(
            (gaps,), np.mean, permutation_type="samples", n_resamples=np.inf, vectorized=True
        )
        assert sign_flip_p(gaps) == pytest.approx(exact.pvalue, abs=1e-12)
        found = stats.bootstrap(
            (one,),
            np.mean,
            n_resamples=RESAMPLES,
            method="percentile",
            rng=np.random.default_rng(1),
        ).confidence_interval
        assert bootstrap_interval(one) == pytest.approx((found.low, found.high), abs=1e-9)


def test_pairs_are_those_of_one_seed():
    good = group("good", [0.9, 0.8, 0.7, 0.6, 0.5], seeds=[1, 2, 3, 4, 5])
    bad = group("bad", [0.1, 0.35, 0.5, 0.48, 0.0], seeds=[5, 4, 3, 2, 9])
    (found,) = differences([bad, good])
    assert (found.group, found.against, found.metric) == ("good", "bad", "test/accuracy")
    assert sorted(found.values) == pytest.approx([0.2, 0.25, 0.32, 0.4])
    assert found.adjusted == paired_t_p(found.values)
    (sentence,) = sentences([found])
    assert "4 seeds" in sentence
    assert "0.12 at best" in sentence
    assert sentence.endswith("they differ")
    (row,) = rows([found])
    assert row["difference"] == pytest.approx(0.2925)
    assert row["p (signs)"] == 0.125


def test_of_few_seeds_nothing_is_said():
    three = [group("a", [0.9, 0.91, 0.92]), group("b", [0.1, 0.11, 0.12]), group("c", [0.2])]
    found = differences(three)
    assert [len(each.values) for each in found] == [1, 3]
    assert sentences(found) == [
        "test/accuracy: fewer than 4 seeds in common with the best group, so nothing can be said "
        "of: c (1), b (3)"
    ]
    assert all("low" not in row for row in rows(found))
    assert differences(three[:1]) == []
    assert differences([three[0], group("d", [0.1] * 5, status="diverged")]) == []


def test_a_seed_that_was_run_twice_counts_once():
    twice = group("a", [0.5, 0.7, 0.6], seeds=[1, 1, 2])
    (found,) = differences([twice, group("b", [0.1, 0.1], seeds=[1, 2])])
    assert found.values == pytest.approx((0.5, 0.5))
