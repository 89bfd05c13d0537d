"""Runs a training with all that was met dumped, and compares its event files with the truth."""

from collections.abc import Sequence
from pathlib import Path
from unittest.mock import patch

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from recompute.dump import Dump, load
from recompute.expected import MEASURED, Expected
from rnnlab.config.compose import compose_words
from rnnlab.data.spec import Spec
from rnnlab.runs import train
from rnnlab.runs.build import build_data, build_model, build_module, build_vectors
from rnnlab.runs.resume import resume_run

EXACT, HALF = (1e-5, 2e-6), (0.2, 0.05)
"""Relative and absolute tolerances in float32, and under bf16."""


def dumped_run(
    folder: Path, words: Sequence[str], order: Sequence[str] = (), stop_at: int | None = None
) -> dict:
    """Train; returns the configuration.

    Args:
        folder: The run's.
        words: Overrides.
        order: Instruments, in this order and no others; empty for all as they come.
        stop_at: Interrupt after this optimiser step, and resume.
    """
    composed = compose_words("train", list(words))
    cfg = composed.cfg
    if order:
        cfg["diagnostics"] = {name: cfg["diagnostics"][name] for name in order}
    dump, real = Dump(stop_at), train.build_callbacks
    with patch.object(train, "build_callbacks", lambda *given: [*real(*given), dump]):
        outcome = train.run(cfg, composed.choices, folder)
        if stop_at is not None:
            outcome = resume_run(folder, [], [])
    assert outcome.status == "completed", outcome.status
    dump.save(folder, rank())
    return cfg


def rank() -> int:
    """Of this process, also after Lightning has ended the group."""
    import os

    return int(os.environ.get("LOCAL_RANK", 0))


def expected(folder: Path, cfg: dict) -> dict[str, dict[int, float]]:
    """All scalars of a run, by tag and step."""
    vectors = build_vectors(cfg)
    data = build_data(cfg, vectors)
    spec: Spec = data.spec()
    module = build_module(cfg, {}, spec, build_model(cfg, spec, vectors))
    return Expected(cfg, module, load(folder)).all()


def logged(folder: Path) -> dict[str, dict[int, float]]:
    """What is in the event files, but for what a clock said, and copies of the last results."""
    events = EventAccumulator(str(folder), size_guidance={"scalars": 0})
    events.Reload()
    return {
        tag: {point.step: point.value for point in events.Scalars(tag)}
        for tag in events.Tags()["scalars"]
        if tag not in MEASURED and not tag.startswith("final/") and tag != "epoch"
    }


def largest_error(found: dict, true: dict) -> float:
    """Of what is logged and recomputed the largest difference, relative to at least 0.2.

    Half-lives count by their slopes.
    """
    errors = [0.0]
    for tag in found.keys() & true.keys():
        for step in found[tag].keys() & true[tag].keys():
            a, b = found[tag][step], true[tag][step]
            if tag.endswith("/half_life"):
                a, b = 1 / a, 1 / b
            if a != b:  # both may be infinite
                errors.append(abs(a - b) / max(abs(b), 0.2))
    return max(errors)


def differences(
    found: dict, true: dict, tolerance: tuple[float, float] = EXACT
) -> tuple[int, list[str]]:
    """How many scalars were compared; those that are missing, too many or wrong, in words."""
    relative, absolute = tolerance
    compared, wrong = 0, []
    for tag in sorted(found.keys() | true.keys()):
        one, two = found.get(tag, {}), true.get(tag, {})
        near = tolerance == HALF and tag.endswith(("/half_life", "/decades_per_step"))
        if one.keys() != two.keys() and not near:  # whether a line is straight may be a near thing
            wrong.append(f"{tag}: logged at steps {sorted(one)}, expected at {sorted(two)}")
        for step in one.keys() & two.keys():
            if tolerance == HALF and tag == "grad/clipped":  # the norm may be next to the limit
                continue
            compared += 1
            a, b = one[step], two[step]
            if tag.endswith("/half_life"):
                a, b = 1 / a, 1 / b  # of the slope, which may be almost 0
            if a != b and not abs(a - b) <= relative * abs(b) + absolute:
                wrong.append(f"{tag} at step {step}: {one[step]:.8g}, recomputed {two[step]:.8g}")
    return compared, wrong
