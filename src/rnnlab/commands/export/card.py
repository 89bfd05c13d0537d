"""The model card of an exported model."""

import shlex
from contextlib import suppress
from pathlib import Path

from rnnlab.config.files import NOT_PLAIN, read_yaml
from rnnlab.config.trust import locate
from rnnlab.data.source import DatasetInfo
from rnnlab.errors import counted
from rnnlab.runs.sweep import read_record
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
    about = getattr(locate(str(cfg["data"]["_target_"])), "about", None)
    known = about if isinstance(about, DatasetInfo) else None
    lines = [
        f"# {names['task']} with rnnlab",
        "",
        f"- Task: {names['task']}",
        f"- Data: {names['data']}" + (f", {known.title}" if known else ""),
        f"- Licence of the data: {known.licence if known else 'that of your own files'}",
        f"- Model: encoder={names['encoder']}, cell={names['cell']}",
        f"- Seed: {cfg['seed']}",
        *_training(checkpoint.path.parent.parent),
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


def _training(run: Path) -> list[str]:
    """Command, size, date, versions, verdict and test metrics, where the run's folder is there."""
    known, words = read_record(run), run / ".hydra" / "overrides.yaml"
    if not known:
        return []
    lines = []
    with suppress(*NOT_PLAIN, OSError, TypeError):
        given = [str(word) for word in read_yaml(words)]
        lines.append(f"- Command: `{shlex.join(['rnnlab', 'train', *given])}`")
    with suppress(KeyError, TypeError):  # of another version
        versions = [f"{name} {known['versions'][name]}" for name in ("rnnlab", "torch", "python")]
        epochs = counted(known["epochs"], "epoch")
        lines.append(f"- Parameters: {known['parameters']:,}")
        lines.append(f"- Trained: {known['date'][:10]}, {epochs}; {', '.join(versions)}")
    test = known.get("test") or {}
    metrics = [f"- {name}: {value:.4g}" for name, value in test.items() if isinstance(value, float)]
    verdict = [f"- {line}" for line in known.get("verdict") or ()]
    return [*lines, "", "## Test", "", *metrics, *verdict]
