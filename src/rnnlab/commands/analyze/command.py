"""`rnnlab analyze`: read the run, measure its layers, report."""

import textwrap
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rnnlab.commands.analyze.measure import check_k, measure
from rnnlab.commands.analyze.page import write_page
from rnnlab.commands.analyze.report import curve_record, layer_record
from rnnlab.commands.analyze.words import paragraphs_of, table
from rnnlab.commands.output import make_folder, writing
from rnnlab.runs.devices import find_device
from rnnlab.runs.environment import limit_memory, quiet
from rnnlab.runs.metrics_json import write_json
from rnnlab.runs.restore import open_run, restored
from rnnlab.runs.tables import fitted


def analyze_words(words: list[str]) -> dict[str, Any]:
    """`rnnlab analyze`: print a table and text, write all numbers and figures.

    Returns:
        The content of `analysis.json`.

    Raises:
        ConfigError, DataError, CheckpointError: A user error.
    """
    quiet()
    limit_memory()
    opened = open_run("analyze", words)
    options, path = opened.options, opened.checkpoint.path
    device = find_device(options["device"])
    _, model, data = restored(opened, {**opened.cfg, "seed": options["seed"], "logger": None})
    encoder = model.encoder.eval()
    model.task.eval()
    check_k(encoder, options["k"])
    folder = make_folder(options["output"] or _default_folder(path))
    analysis = measure(model, data, options, device)
    paragraphs = paragraphs_of(analysis)
    if analysis.layers:
        print(fitted(table(analysis)) + "\n")
    print("\n\n".join(textwrap.fill(each, 80, break_on_hyphens=False) for each in paragraphs))
    result = {
        "checkpoint": str(path),
        "data": opened.choices.get("data"),
        "options": {
            key: options[key] for key in options if key not in ("data", "trust", "figures")
        },
        "versions": {name: version(name) for name in ("rnnlab", "torch")},
        "targets": analysis.kind,
        "median_length": analysis.length,
        "lag": analysis.lag,
        "layers": {name: layer_record(report) for name, report in analysis.layers.items()},
        "influence": curve_record(analysis.influence),
        "text": paragraphs,
    }
    with writing(folder):
        write_json(folder / "analysis.json", result)
        write_page(analysis, folder, paragraphs, f"Analysis of {path}", options["figures"])
    print(f"\npage     {folder / 'analysis.html'}", flush=True)
    return result


def _default_folder(checkpoint: Path) -> str:
    """Beside the checkpoints of a run, or beside a checkpoint that is alone."""
    if checkpoint.parent.name == "checkpoints":
        return str(checkpoint.parent.parent / "analysis")
    return str(checkpoint.parent / f"{checkpoint.stem}-analysis")
