"""Each rule fires on a stream made for it, names where, and is silent on streams that learn."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnlab.data.batch import IGNORE
from rnnlab.data.examples import Examples
from rnnlab.data.ragged import Ragged
from rnnlab.diagnostics.alarm_rules import AlarmRules, Limits
from rnnlab.diagnostics.loss_trend import RunningMedian, guess_loss

LIMITS = Limits(patience=500)
LAYERS = ("encoder.0", "encoder.0.forward", "encoder.1.backward")
GUESS = 2.0


def stream(more, *, loss=lambda step: 2.0, until=3000, every=50, length=100.0, limits=LIMITS):
    """What the rules find in a run: {(kind, subject): (first step, fact)}."""
    rules = AlarmRules(limits, guess=GUESS)
    found = {}
    for step in [1, *range(every, until + 1, every)]:
        scalars = {"train/loss": loss(step), **more(step)}
        for finding in rules.update(step, scalars, dict.fromkeys(LAYERS, length - 1)):
            found.setdefault((finding.kind, finding.subject), (step, finding.fact))
    return found


def learning(step):
    return 2.0 if step < 1200 else 2.0 * 0.5 ** ((step - 1200) / 300)


VANISHING = {"flow/encoder.0.forward/first_last_ratio": 1e-10}
SATURATED = {"gate/encoder.0/forget/low": 0.97, "gate/encoder.0/input/high": 0.99}
DEAD = {"grad/encoder.0/recurrent/forget": 0.0, "grad/encoder.0/input/forget": 1.0}
CLIPPED = {"grad/clipped": 1.0}
GROWING = {"flow/encoder.1.backward/first_last_ratio": 1e5}
COLLAPSED = {"head/encoder.0/0/evenness": 0.01, "head/encoder.0/1/evenness": 0.6}
LOGITS = {"head/task.decoder.1/3/logit": 250.0}
CASES = {
    ("vanishing", "encoder.0.forward"): VANISHING,
    ("saturated", "encoder.0"): SATURATED,
    ("dead", "encoder.0"): DEAD,
    ("clipped", "gradient"): CLIPPED,
    ("exploding", "encoder.1.backward"): GROWING,
    ("collapsed", "encoder.0"): COLLAPSED,
    ("logits", "task.decoder.1"): LOGITS,
}


@pytest.mark.parametrize(("key", "scalars"), CASES.items())
def test_fires_once_the_state_has_lasted_in_a_run_that_is_stuck(key, scalars):
    found = stream(lambda step: scalars)
    assert set(found) == {key}
    step, _ = found[key]
    assert 500 <= step <= 550


@pytest.mark.parametrize(("key", "scalars"), CASES.items())
def test_silent_before_patience_is_over(key, scalars):
    assert stream(lambda step: scalars, until=450) == {}


@pytest.mark.parametrize(("key", "scalars"), CASES.items())
def test_silent_where_the_loss_falls(key, scalars):
    assert stream(lambda step: scalars, loss=lambda step: 2.0 * 0.5 ** (step / 400)) == {}


@pytest.mark.parametrize(("key", "scalars"), CASES.items())
def test_silent_where_it_was_solved_at_once(key, scalars):
    assert stream(lambda step: scalars, loss=lambda step: 2.0 if step == 1 else 0.01) == {}


@pytest.mark.parametrize(("key", "scalars"), CASES.items())
def test_one_bad_value_is_not_a_state(key, scalars):
    usual = dict.fromkeys(scalars, 0.5)
    assert stream(lambda step: scalars if step == 1500 else usual) == {}


def test_facts_say_how_much_and_where():
    _, fact = stream(lambda step: VANISHING)["vanishing", "encoder.0.forward"]
    assert "halves every 3 steps back in time on average" in fact
    assert "1e-10 of it reaches the first step" in fact
    _, fact = stream(lambda step: SATURATED)["saturated", "encoder.0"]
    assert "97% of its forget gate is below 0.05" in fact
    assert "99% of its input gate is above 0.95" in fact
    _, fact = stream(lambda step: DEAD)["dead", "encoder.0"]
    assert "recurrent/forget" in fact
    assert "input/forget" not in fact
    _, fact = stream(lambda step: GROWING)["exploding", "encoder.1.backward"]
    assert "10^5.0" in fact


def test_facts_name_the_heads():
    _, fact = stream(lambda step: COLLAPSED)["collapsed", "encoder.0"]
    assert fact == "the entropy of head 0 is 1.0% of the largest possible (medians)"
    _, fact = stream(lambda step: LOGITS)["logits", "task.decoder.1"]
    assert fact == "the logits of head 3 reach a magnitude of 250 (medians)"


def test_the_part_of_a_state_that_keeps_most_counts():
    """An LSTM's h may forget what its c keeps."""
    kept = VANISHING | {"flow/encoder.0.forward/cell/first_last_ratio": 0.8}
    assert stream(lambda step: kept) == {}
    lost = VANISHING | {"flow/encoder.0.forward/cell/first_last_ratio": 1e-5}
    found = stream(lambda step: lost)
    assert set(found) == {("vanishing", "encoder.0.forward")}
    assert "halves every 6 steps" in found["vanishing", "encoder.0.forward"][1]


def test_a_gradient_that_comes_back_has_not_vanished():
    """The least squares line of a U says nothing; what reaches the first step does."""
    valley = {"flow/encoder.0/lag_of_tenth": 3.3, "flow/encoder.0/first_last_ratio": 0.9}
    assert stream(lambda step: valley) == {}


def test_half_life_is_held_against_the_sequences_length():
    """A half-life of a tenth of the sequence leaves 2^-10 of the gradient."""
    for left, alarms in ((0.9 * 0.5**10, 1), (1.1 * 0.5**10, 0)):
        assert len(stream(lambda step, left=left: {"flow/x/first_last_ratio": left})) == alarms


def test_whole_gradient_dead():
    scalars = {"grad/total": 0.0, "grad/encoder.0/recurrent/hidden": 0.0, "grad/task.head": 0.0}
    assert set(stream(lambda step: scalars)) == {("dead", "total")}


def test_one_step_sequences_have_no_recurrent_gradient():
    assert stream(lambda step: DEAD, length=1.0) == {}
    assert stream(lambda step: DEAD, length=2.0)


def test_each_layer_has_its_own_length():
    """A decoder's is not the source's."""
    rules = AlarmRules(Limits(patience=2), guess=GUESS)
    left = {f"flow/{layer}/first_last_ratio": 1e-6 for layer in ("encoder.0", "task.decoder.0")}
    spans = {"encoder.0": 39.0, "task.decoder.0": 9.0}
    for step in range(1, 6):
        found = rules.update(step, {"train/loss": GUESS, **left}, spans)
    facts = {finding.subject: finding.fact for finding in found}
    assert "in sequences of 40 steps" in facts["encoder.0"]
    assert "halves every 0.45 steps" in facts["task.decoder.0"]
    assert "in sequences of 10 steps" in facts["task.decoder.0"]


def test_nothing_clipped_is_not_a_dead_gradient():
    scalars = {"grad/clipped": 0.0, "grad/total_clipped": 0.0, "grad/total": 1.0}
    assert stream(lambda step: scalars) == {}


def norms(step):
    """A heavy-tailed norm, as real ones are, and one outlier."""
    rng = np.random.default_rng(step)
    return {"grad/total": 1e4 if step == 1500 else float(rng.lognormal(0.0, 1.0))}


def test_spike_that_throws_the_run_back_explodes():
    found = stream(norms, loss=lambda step: 0.5 if 600 < step <= 1500 else 2.2)
    assert set(found) == {("exploding", "gradient")}
    step, fact = found["exploding", "gradient"]
    assert step == 1550
    assert "at step 1500" in fact
    assert "1e+04" in fact
    assert "from 0.5 to 2.2" in fact


def test_spike_that_does_no_harm_is_none():
    assert stream(norms, loss=lambda step: 2.0 if step < 600 else 0.5) == {}


def test_rise_of_the_norm_where_a_plateau_ends_is_no_explosion():
    """A memory task: nothing for a thousand steps, then the gradient rises 300 times and learns."""
    rise = lambda step: {"grad/total": 0.003 if step < 1200 else 1.0}  # noqa: E731
    assert stream(rise, loss=learning) == {}


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_non_finite_names_the_gate(value):
    scalars = lambda step: {  # noqa: E731
        "grad/total": value if step == 100 else 1.0,
        "grad/encoder.0/recurrent/forget": value if step == 100 else 1.0,
        "grad/encoder.0/recurrent/input": 1.0,
    }
    found = stream(scalars, loss=learning, until=400)
    assert set(found) == {("non_finite", "gradient")}
    step, fact = found["non_finite", "gradient"]
    assert step == 100
    assert "encoder.0/recurrent/forget" in fact
    assert "recurrent/input" not in fact


def test_scaled_losses_may_overflow_now_and_then():
    def rules(bad):
        rules = AlarmRules(LIMITS, guess=GUESS, scaled=True)
        return [
            finding.kind
            for step in range(1, 20)
            for finding in rules.update(
                step,
                {"train/loss": 1.0, "grad/total": math.inf if step in bad else 1.0},
                {},
            )
        ]

    assert rules({1, 2, 9, 10}) == []
    assert rules({1, 2, 3}) == ["non_finite"]


@pytest.mark.parametrize(("key", "scalars"), CASES.items())
def test_null_switches_a_rule_off(key, scalars):
    rules = ("exploding", "growth", "vanishing", "saturated", "clipped", "collapsed", "logits")
    off = Limits(patience=500, **dict.fromkeys(rules))
    found = stream(lambda step: scalars, limits=off)
    assert set(found) == ({key} if key[0] == "dead" else set())


@given(
    plateau=st.integers(0, 300),
    speed=st.floats(100, 600),
    floor=st.floats(0.0, 0.3),
    noise=st.floats(0.0, 0.04),
    seed=st.integers(0, 10),
    every=st.sampled_from([20, 50, 100]),
)
@settings(max_examples=40)
def test_silent_on_any_run_that_learns(plateau, speed, floor, noise, seed, every):
    """Whatever gradients and gates look like, as long as they are finite."""
    rng = np.random.default_rng(seed)

    def loss(step):
        fallen = floor + (1 - floor) * 0.5 ** (max(0, step - plateau) / speed)
        return 2.0 * fallen * float(np.exp(noise * rng.standard_normal()))

    everything = {k: v for scalars in CASES.values() for k, v in scalars.items()}
    spiky = lambda step: everything | {"grad/total": float(rng.lognormal(0, 3))}  # noqa: E731
    assert stream(spiky, loss=loss, every=every, until=1500) == {}


def test_what_was_learned_and_lost_again_is_watched():
    scalars = lambda step: VANISHING  # noqa: E731
    found = stream(scalars, loss=lambda step: 1.0 if 400 < step < 1500 else 2.0)
    assert found["vanishing", "encoder.0.forward"][0] > 1500


def test_slow_way_down_to_a_guesser_is_learning_too():
    """From far above, where an initialisation is bad, as long as it goes on."""
    scalars = lambda step: VANISHING  # noqa: E731
    assert stream(scalars, loss=lambda step: 2.0 + 6.0 * 0.5 ** (step / 1000), until=2500) == {}
    assert stream(scalars, loss=lambda step: 2.0 + 6.0 * 0.5 ** (step / 50), until=2500)


def test_guess_of_labels_values_tags_and_tokens():
    numbers = np.zeros((4, 3, 1), dtype=np.float32)
    labels = Examples(numbers, np.array([0, 0, 1, 2]))
    half, quarter = 0.5 * math.log(2), 0.25 * math.log(4)
    assert guess_loss(labels, "label") == pytest.approx(half + 2 * quarter)
    values = Examples(numbers, np.array([[0.0, 1.0], [2.0, 1.0], [0.0, 1.0], [2.0, 1.0]]))
    assert guess_loss(values, "values") == pytest.approx(0.5)
    tags = Examples(numbers[:2], Ragged.from_lists([[IGNORE, 4, 4], [7, IGNORE, 7]]))
    assert guess_loss(tags, "tags") == pytest.approx(math.log(2))
    tokens = Examples(numbers[:2], Ragged.from_lists([[1, 5, 2], [1, 6, 2]]))  # <s> 5 </s>
    assert guess_loss(tokens, "tokens") == pytest.approx(half + 2 * quarter)


def test_window_holds_its_span_and_at_least_three():
    window = RunningMedian(100)
    for step, value in enumerate([5.0, 1.0, math.nan, 3.0, 2.0]):
        window.add(step * 40, value)
        assert window.full == (step * 40 >= 120)
    assert window.values == [1.0, 3.0, 2.0]  # from step 60 on, and one more
    assert window.median == 2.0
    assert window.first_step == 40
    rare = RunningMedian(10)
    for step in (0, 1000, 2000):
        rare.add(step, float(step))
    assert rare.full
    assert len(rare) == 3
