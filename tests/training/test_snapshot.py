"""How often `last.ckpt` is written: never more than its share of the time."""

import pytest
from lightning import Callback

from rnnlab.runs import train
from rnnlab.training.snapshot import Snapshot
from runs import small_run


class Hand(Callback):
    """A clock that goes one second a batch, and `cost` seconds for a checkpoint."""

    def __init__(self, cost):
        self.cost = cost
        self.now = 1000.0
        self.saved = set()

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        self.now += 1.0

    def on_save_checkpoint(self, trainer, pl_module, checkpoint):
        self.now += self.cost
        self.saved.add(trainer.global_step)


@pytest.mark.parametrize(
    ("cost", "share", "steps"),
    [
        (0.0, 0.5, {2, 4, 6, 8, 10}),  # as often as the user says, never more often
        (4.0, 1.0, {2, 4, 6, 8, 10}),  # no bound
        (3.0, 0.5, {2, 5, 8, 10}),  # three seconds of work for three of writing
        (1.0, 0.1, {2, 10}),  # nine seconds: not in this epoch; its end does not wait
        (0.5, 0.1, {2, 7, 10}),
    ],
)
def test_writing_has_its_share_of_the_time(tmp_path, monkeypatch, cost, share, steps):
    hand = Hand(cost)
    real = train.build_callbacks

    def callbacks(*given):
        made = real(*given)
        next(c for c in made if isinstance(c, Snapshot)).clock = lambda: hand.now
        return [hand, *made]

    monkeypatch.setattr(train, "build_callbacks", callbacks)
    words = [
        "checkpoint.every_n_steps=2",
        f"checkpoint.max_overhead={share}",
    ]
    small_run(tmp_path / "run", "trainer.max_epochs=1", *words)
    assert hand.saved == steps
