"""Measuring takes its share of the training time: by a clock of the test's own, and in runs."""

import json
import math

import pytest
from lightning import Callback

from rnnlab.diagnostics import memory, saturation, time_flow, weight_flow
from rnnlab.diagnostics.periodic import PassOverhead
from rnnlab.diagnostics.throughput import Throughput
from rnnlab.runs import train
from runs import SMALL, merged, scalars, small_run
from tiny import start, write

CLASSES = {
    "weight_flow": "weight_flow.WeightFlow",
    "time_flow": "time_flow.TimeFlow",
    "memory": "memory.Memory",
    "saturation": "saturation.Saturation",
}
WORK = {
    "weight_flow": (weight_flow, "gradient_norms"),
    "time_flow": (time_flow, "curves"),
    "memory": (memory, "memory_curves"),
    "saturation": (saturation, "gate_scalars"),
}
"""What each instrument calls once for a measurement, in a hook of its own."""
EVERY_STEP = set(range(1, 21))


def measure(name, every=1):
    """Overrides that switch one instrument on."""
    return (
        f"diagnostics.{name}={{_target_:rnnlab.diagnostics.{CLASSES[name]},every_n_steps:{every}}}"
    )


class Hand(Callback):
    """A clock that goes one second a batch, and as long as told for a measurement."""

    def __init__(self, monkeypatch):
        self.monkeypatch = monkeypatch
        self.now = 1000.0
        self.step = 0
        self.measured = {}

    def on_train_start(self, trainer, pl_module):
        next(c for c in trainer.callbacks if isinstance(c, Throughput)).clock = lambda: self.now

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        self.step = trainer.global_step + 1

    def on_before_backward(self, trainer, pl_module, loss):
        self.now += 1.0

    def slow(self, name, cost, function=None):
        """Let an instrument's work take `cost` seconds."""
        module, usual = WORK[name]
        function = function or usual
        real = getattr(module, function)
        steps = self.measured.setdefault(name, set())

        def slowed(*given, **named):
            steps.add(self.step)
            self.now += cost
            return real(*given, **named)

        self.monkeypatch.setattr(module, function, slowed)


@pytest.fixture
def hand(monkeypatch):
    clock = Hand(monkeypatch)
    real = train.build_callbacks
    # in front of all: its hooks are the first
    monkeypatch.setattr(train, "build_callbacks", lambda *given: [clock, *real(*given)])
    return clock


@pytest.mark.parametrize("name", WORK)
def test_an_instrument_waits_until_it_can_afford_to_measure(hand, tmp_path, name):
    """One second for a measurement, three for the steps that make it a quarter of the time."""
    hand.slow(name, 1.0)
    small_run(tmp_path / "run", "diagnostics=off", "diagnostics.max_overhead=0.25", measure(name))
    assert hand.measured[name] == {1, 4, 7, 10, 13, 16, 19}


@pytest.mark.parametrize(
    ("cost", "share", "every", "steps"),
    [
        (100.0, "null", 1, EVERY_STEP),  # fixed intervals
        (0.0, "0.01", 1, EVERY_STEP),
        (1.0, "0.5", 3, {1, 3, 6, 9, 12, 15, 18}),  # cheap enough: never more often than asked
        (1.0, "0.25", 2, {1, 4, 8, 10, 14, 16, 20}),  # in the long run every third step, of these
        (9.0, "0.5", 1, {1, 10, 19}),
        (100.0, "0.5", 1, {1}),
    ],
)
def test_the_interval_bounds_it_from_below(hand, tmp_path, cost, share, every, steps):
    hand.slow("weight_flow", cost)
    words = ["diagnostics=off", f"diagnostics.max_overhead={share}", measure("weight_flow", every)]
    small_run(tmp_path / "run", *words)
    assert hand.measured["weight_flow"] == steps


def test_what_a_watched_pass_takes_beyond_a_usual_one_counts(hand, tmp_path):
    """The first pass is no measure; the second one of all is made to have one to compare with."""
    hand.slow("time_flow", 1.0, "watch_norms")
    words = ["diagnostics=off", "diagnostics.max_overhead=0.25", measure("time_flow")]
    small_run(tmp_path / "run", *words)
    assert hand.measured["time_flow"] == {1, 3, 4, 6, 9, 12, 15, 18}


def test_one_instrument_does_not_pay_for_another(hand, tmp_path):
    """Both others work while a pass is watched."""
    hand.slow("time_flow", 0.0)
    hand.slow("memory", 2.0)
    hand.slow("saturation", 3.0)
    words = ["diagnostics=off", "diagnostics.max_overhead=0.25", "trainer.max_epochs=2"]
    small_run(tmp_path / "run", *words, *map(measure, ("time_flow", "memory", "saturation")))
    assert len(hand.measured["memory"]) > len(hand.measured["saturation"]) > 1
    assert hand.measured["time_flow"] == EVERY_STEP - {2}


def test_passes_are_compared_by_their_tokens():
    passes = PassOverhead()
    assert passes.excess == math.inf
    passes.add(50.0, 1, watched=True)  # the first one
    passes.add(2.0, 40, watched=False)
    assert passes.excess == 0.0
    passes.add(5.0, 60, watched=True)
    assert passes.excess == pytest.approx(5.0 - 60 * 2.0 / 40)
    passes.add(0.5, 10, watched=True)
    passes.add(1.0, 20, watched=False)
    assert passes.excess == pytest.approx(5.5 - 70 * 3.0 / 60)
    passes.add(100.0, 60, watched=False)
    assert passes.excess == 0.0


@pytest.mark.parametrize("words", [["diagnostics.max_overhead=0.01"], []])
def test_a_real_run_is_measured_less_often_only_if_asked_to(tmp_path, words):
    each = ["logger=tensorboard", "diagnostics.weight_flow.every_n_steps=1", *words]
    small_run(tmp_path / "run", *each)
    found = scalars(tmp_path / "run")
    steps = {
        tag: [step for step, _ in found[tag]]
        for tag in ("grad/encoder.0/recurrent/forget", "update/encoder.0", "train/loss")
    }
    gradients, updates, losses = steps.values()
    assert gradients == updates
    assert gradients[0] == 1
    assert losses == sorted(EVERY_STEP)
    assert (len(gradients) < len(losses)) == bool(words)


SPY = """
import itertools
import json
from pathlib import Path

from lightning import Callback
from rnnlab.diagnostics.throughput import Throughput


class Spy(Callback):
    def __init__(self, *, folder: str) -> None:
        self.folder, self.seen = folder, []

    def on_train_start(self, trainer, pl_module):
        throughput = next(c for c in trainer.callbacks if isinstance(c, Throughput))
        # one tick at each look; the second process has all the time in the world
        ticks = itertools.count(step=1.0 if trainer.is_global_zero else 0.0)
        throughput.clock = ticks.__next__

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        board = next(c for c in trainer.callbacks if type(c).__name__ == "Board")
        if "update/encoder.0" in board._scalars:
            self.seen.append(trainer.global_step)

    def on_train_end(self, trainer, pl_module):
        Path(self.folder, f"{trainer.global_rank}.json").write_text(json.dumps(self.seen))
"""


@pytest.mark.ddp
@pytest.mark.slow
def test_two_processes_measure_at_the_same_steps(tmp_path):
    write(tmp_path / "spying.py", SPY)
    words = merged([*SMALL, "diagnostics.max_overhead=0.2", "trust=[spying]", "trainer=ddp"])
    words += ["trainer.devices=2", "diagnostics.weight_flow.every_n_steps=1"]
    words += [f"+diagnostics.spy={{_target_:spying.Spy,folder:{tmp_path}}}"]
    words += [f"hydra.run.dir={tmp_path / 'run'}"]
    said = start("train", *words, cwd=tmp_path)
    assert said.code == 0, said.err
    first, second = (json.loads((tmp_path / f"{rank}.json").read_text()) for rank in (0, 1))
    assert first == second
    assert first[0] == 1
    assert 1 < len(first) < 10
