"""The model card of an exported model."""

import json
from pathlib import Path
from typing import Any

from rnnlab.config.trust import locate
from rnnlab.data.source import DatasetInfo
from rnnlab.training.checkpoint import Checkpoint

USE = {
    "onnx": """\
    pip install numpy onnxruntime regex tokenizers{sound}
    python runner.py input.txt

`runner.py` reads {what} and prints one answer each, as `rnnlab predict` does. From Python:

    from runtime.model import ExportedModel
    list(ExportedModel(".").predict([{example}]))
""",
    "torch": """\
    import torch
    program = torch.export.load("{graph}.pt2").module()

`config.json` names inputs and outputs of each program in their order; neither rnnlab nor its
classes are needed.
""",
}


def model_card(checkpoint: Checkpoint, kind: str) -> str:
    """Task, data, metrics, command, licence of the data, use and limits, as Markdown.

    Args:
        checkpoint: What was exported.
        kind: Format of the graphs.
    """
    cfg, choices, spec = checkpoint.cfg, checkpoint.choices, checkpoint.spec
    names = {key: str(choices.get(key)) for key in ("task", "data", "encoder", "cell")}
    sound = spec.audio is not None
    use = USE[kind].format(
        sound=" soundfile scipy" if sound else "",
        what="a sound file, or a list of them" if sound else "lines of text",
        example='"recording.wav"' if sound else '"A text."',
        graph="model",
    )
    lines = [
        f"# {names['task']} with rnnlab",
        "",
        f"- Task: {names['task']}",
        f"- Data: {names['data']}",
        f"- Licence of the data: {_licence(cfg)}",
        f"- Model: encoder={names['encoder']}, cell={names['cell']}",
        f"- Seed: {cfg['seed']}",
        *_results(checkpoint.path),
        "",
        "## Use",
        "",
        use.rstrip(),
        "",
        "## Limits",
        "",
        "Made for texts or recordings like those of its training data. "
        + (f"It reads {spec.max_length} tokens of a text at most. " if spec.max_length else "")
        + "Weights are float32; answers equal those of rnnlab up to rounding.",
        "",
    ]
    return "\n".join(lines)


def _licence(cfg: dict[str, Any]) -> str:
    """Of the data, where it is a known corpus."""
    about = getattr(locate(str(cfg["data"]["_target_"])), "about", None)
    return about.licence if isinstance(about, DatasetInfo) else "that of your own files"


def _results(checkpoint: Path) -> list[str]:
    """Test metrics and the command of the run, where its folder is still there."""
    path = checkpoint.parent.parent / "metrics.json"
    if not path.is_file():
        return []
    known = json.loads(path.read_text(encoding="utf-8"))
    test = known.get("test") or {}
    found = [f"- {name}: {value:.4g}" for name, value in test.items() if isinstance(value, float)]
    command = known.get("command")
    return [*([f"- Command: `{command}`"] if command else []), "", "## Test", "", *found]
