"""Runs that nobody trained, for tests of pages: with curves, seeds, and texts of any kind."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from rnnlab.commands.compare.events import Log, Series
from rnnlab.commands.compare.run import Lags, LoggedRun

CELLS = ("GRU", "LSTM", "RNN", "MinimalGatedRecurrentUnit", "Attention")
LAGS_NEEDED = (10, 50, 200)
DECAY = {
    "GRU": 0.02,
    "LSTM": 0.01,
    "RNN": 0.12,
    "MinimalGatedRecurrentUnit": 0.04,
    "Attention": 0.0,
}


def made_runs(count: int, *, points: int = 900, **more: str) -> Iterator[LoggedRun]:
    """So many runs: cells first, then lags, then seeds, so that 2 differ in the cell alone.

    Args:
        count: Number of runs.
        points: Of each curve over the training.
        more: Further options of every run.
    """
    random = np.random.default_rng(0)
    for number in range(count):
        cell = CELLS[number % len(CELLS)]
        lag = LAGS_NEEDED[number // len(CELLS) % len(LAGS_NEEDED)]
        seed = number // (len(CELLS) * len(LAGS_NEEDED)) + 1
        yield made_run(number, cell, lag, seed, points, random, more)


def made_run(number, cell, lag, seed, points, random, more) -> LoggedRun:
    """One of them."""
    steps = np.arange(1, points + 1) * 10
    speed = (1 + 4 * DECAY[cell]) * (1 + lag / 100)
    loss = np.exp(-steps / (1500 * speed)) * 2.3 + 0.05 + 0.03 * random.random(points)
    every = np.arange(0, points, 20)
    scalars = {
        "train/loss": Series(steps, loss),
        "val/loss": Series(steps[every], loss[every] + 0.02),
        "val/accuracy": Series(steps[every], 1 - loss[every] / 3),
        "grad/total": Series(steps, np.exp(random.normal(size=points) - steps / 6000)),
    }
    measured = np.arange(1, 61) * 150
    lags = np.arange(min(lag + 20, 150))
    slope = DECAY[cell] * (1 + np.exp(-measured / 2000))[:, None]
    layers = {"encoder.0.forward": 1.0, "encoder.0.backward": 1.3}
    curves = {
        layer: Lags(
            measured, -slope * factor * lags + 0.05 * random.normal(size=(60, 1)) * lags / 99
        )
        for layer, factor in layers.items()
    }
    for layer, found in curves.items():
        half = np.log10(2) * (len(lags) - 1) / np.maximum(-found.curves[:, -1], 1e-3)
        scalars[f"flow/{layer}/half_life"] = Series(measured, half)
    accuracy = float(scalars["val/accuracy"].last + 0.01 * random.normal())
    record = {
        "status": "completed",
        "steps": int(steps[-1]),
        "monitor": "val/accuracy",
        "score": accuracy,
        "val": {"accuracy": accuracy},
        "test": {"accuracy": accuracy - 0.01, "loss": float(loss[-1])},
        "alarms": [f"encoder.0: the gradient vanishes at lag {lag}"] if cell == "RNN" else [],
        "verdict": ["still learning at the end, the last validation was the best: train longer"],
        "train_tokens_per_second": 12345.6,
        "parameters": 4567,
    }
    config = {"seed": seed, "cell": cell, "cell.hidden_size": 64, "data.lag": lag, **more}
    kinds = ("time_flow", "input_flow", "memory")
    return LoggedRun(
        folder=Path(f"outputs/sweep/{number}_{cell.lower()}-{lag}-{seed}"),
        task="delayed_recall",
        config=config,
        targets={"cell": f"rnnlab.{cell}", "data": "somebody.Recall"},
        record=record,
        log=Log(scalars, {}),
        lags=dict.fromkeys(kinds, curves),
    )
