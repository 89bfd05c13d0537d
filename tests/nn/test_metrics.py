import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnlab.data.batch import IGNORE
from rnnlab.nn.label_scores import StepAccuracy
from rnnlab.nn.metrics import UnitMean

PAIRS = st.lists(st.tuples(st.integers(0, 2), st.sampled_from([0, 1, 2, IGNORE])), min_size=1)


@settings(deadline=None)
@given(st.lists(PAIRS, min_size=1, max_size=4))
def test_counts_the_steps_that_have_a_target(batches):
    metric = StepAccuracy("abc")
    for batch in batches:
        predicted, target = torch.tensor(batch).T
        metric.update(predicted.unsqueeze(0), target.unsqueeze(0))
    known = [(p, t) for batch in batches for p, t in batch if t != IGNORE]
    expected = sum(p == t for p, t in known) / max(1, len(known))
    assert abs(metric.compute()["accuracy"].item() - expected) < 1e-6
    gold = [t for _, t in known]
    most = max(gold.count(t) for t in range(3)) / max(1, len(gold))
    assert metric.facts.constant == pytest.approx(most)
    lost = {t for t in gold if t not in {p for p, _ in known}}
    assert list(metric.facts.never) == ["abc"[t] for t in sorted(lost)]


@pytest.mark.parametrize("number", [torch.nan, torch.inf])
def test_one_value_that_is_no_number_is_not_left_out_of_a_mean(number):
    mean = UnitMean()
    for value, units in ((1.0, 3), (2.0, torch.tensor(1)), (torch.nan, 0)):
        mean.update(torch.tensor(value), units)
    assert mean.compute().item() == 1.25
    mean.update(torch.tensor(number), 5)
    mean.update(torch.tensor(1.0), 3)
    assert not mean.compute().isfinite()


def test_a_mean_over_many_units_does_not_drift():
    """Sums of 40 million units: in float32 each addition would lose up to 16."""
    mean, expected = UnitMean(), 0.0
    for batch in range(40_000):
        value = torch.tensor(4.5 + (batch % 7 - 3) * 1e-3)
        mean.update(value, 1_049 + batch % 2)
        expected += value.double().item() * (1_049 + batch % 2)
    expected /= 40_000 * 1_049.5
    assert mean.compute().item() == pytest.approx(expected, rel=1.5e-7)


def test_reset_starts_anew():
    metric = StepAccuracy("abc")
    metric.update(torch.tensor([[0]]), torch.tensor([[1]]))
    metric.reset()
    metric.update(torch.tensor([[1]]), torch.tensor([[1]]))
    assert metric.compute()["accuracy"] == 1
