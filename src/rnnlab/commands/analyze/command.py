"""`rnnlab analyze`: read the run, measure its layers, report."""

from pathlib import Path
from typing import Any

from rnnlab.commands.analyze.figures import write_figures
from rnnlab.commands.analyze.measure import check_layers, measure
from rnnlab.commands.analyze.report import record
from rnnlab.commands.analyze.words import table, tell
from rnnlab.commands.output import writing
from rnnlab.runs.environment import limit_memory, quiet
from rnnlab.runs.metrics_json import write_json
from rnnlab.runs.restore import open_run, restored
from rnnlab.runs.tables import as_text


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
    _, model, data = restored(opened, {**opened.cfg, "seed": options["seed"], "logger": None})
    encoder = model.encoder.eval()
    model.task.eval()
    check_layers(encoder, path, options["k"])
    folder = _folder(options["output"], path)
    analysis = measure(model, data, options)
    paragraphs = tell(analysis)
    print(as_text(table(analysis)))
    print("\n" + "\n\n".join(paragraphs))
    facts = {"checkpoint": str(path), "data": opened.choices["data"]}
    result = record(analysis, paragraphs, facts, options)
    with writing(folder):
        write_json(folder / "analysis.json", result)
        write_figures(analysis, folder)
    print(f"\nfigures  {folder}", flush=True)
    return result


def _folder(output: str | None, checkpoint: Path) -> Path:
    """The folder to write into; made and tried before anything is measured."""
    if output is not None:
        folder = Path(output).expanduser()
    elif checkpoint.parent.name == "checkpoints":
        folder = checkpoint.parent.parent / "analysis"
    else:
        folder = checkpoint.parent / f"{checkpoint.stem}-analysis"
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ".probe").touch()
        (folder / ".probe").unlink()
    return folder
