"""Real runs to compare: two cells, two seeds, one that diverged, one that is still going on."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from runs import small_run

LOGGED = ("logger=tensorboard", "trainer.log_every_n_steps=2", "diagnostics=full")
EXPLODING = (
    *("cell=rnn", "cell.nonlinearity=relu", "optimizer=sgd", "optimizer.lr=1e30"),
    "trainer.gradient_clip_val=null",
)


def cut(file: Path) -> None:
    """Leave an event file as it is while its writer is in the middle of a record."""
    content = file.read_bytes()
    file.write_bytes(content[: len(content) * 4 // 5])


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """Folders of runs: `sweep` (2 cells x 2 seeds), `diverged`, `running`; do not change them."""
    base = tmp_path_factory.mktemp("trained")
    for number, (cell, seed) in enumerate([(c, s) for c in ("rnn", "gru") for s in (1, 2)]):
        words = (f"cell={cell}", f"seed={seed}", f"data.seed={seed}")
        small_run(base / "sweep" / f"{number}_{cell}-{seed}", *LOGGED, *words)
    assert small_run(base / "diverged", *LOGGED, *EXPLODING).status == "diverged"
    running = base / "running"
    shutil.copytree(base / "sweep" / "2_gru-1", running)
    (running / "metrics.json").unlink()
    first, *later = sorted(running.glob("events.*"), key=lambda file: int(file.suffix[1:]))
    for file in later:  # of the test
        file.unlink()
    cut(first)
    return SimpleNamespace(sweep=base / "sweep", diverged=base / "diverged", running=running)
