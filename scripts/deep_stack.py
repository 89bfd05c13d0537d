"""What residual blocks change in a deep stack: losses and gradients of finished runs.

    rnnlab train experiment=deep_recall
    rnnlab train experiment=deep_shakespeare
    python scripts/deep_stack.py outputs/sweeps/...

A row is a run: the loss of its last validation, its test score, and ||dL/dh_t|| of the lowest and
the highest layer, the root of the mean square over all lags: at the first step of training that
was measured, and the median of all steps.
"""

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rnnlab.commands.compare.finding import find_runs
from rnnlab.commands.compare.run import LoggedRun
from tabular import markdown

HEADS = (
    *("task", "encoder", "parameters", "steps", "seconds", "val loss", "test score"),
    *("dL/dh lowest, first step", "median", "highest, first step", "median"),
)


def row(run: LoggedRun) -> list[str]:
    """Figures of a finished run."""
    record = run.record
    assert record is not None
    monitor = str(record["monitor"]).removeprefix("val/")
    found = norms(run.folder / "diagnostics" / "time_flow.npz")
    layers = sorted(found, key=lambda name: int(name.split(".")[1]))
    gradients = [
        f"{value:.1e}"
        for name in (layers[0], layers[-1])
        for value in (found[name][0], np.median(found[name]))
    ]
    return [
        run.task,
        run.targets["encoder"].rpartition(".")[2],
        f"{record['parameters']:,}",
        f"{record['steps']:,}",
        f"{record['train_seconds']:.0f}",
        f"{record['val']['loss']:.3f}",
        f"{monitor} {record['test'][monitor]:.3f}",
        *gradients,
    ]


def norms(path: Path) -> dict[str, NDArray[np.float64]]:
    """||dL/dh|| of each layer at each step of training that was measured; not of cell states."""
    with np.load(path) as file:
        squares = 10.0 ** (2 * file["decades"].astype(np.float64))
        means = np.sqrt(np.nanmean(squares, axis=2))
        named = zip(file["layers"].tolist(), means.T, strict=True)
        return {name: values for name, values in named if not name.endswith("/cell")}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folders", nargs="+", type=Path, metavar="RUN|FOLDER")
    runs, skipped = find_runs(parser.parse_args().folders)
    for line in skipped:
        print(line)
    print(markdown(HEADS, [row(run) for run in runs if run.record is not None], left=2))


if __name__ == "__main__":
    main()
