"""A run of the lecture again, with its best weights and its data."""

from pathlib import Path

from rnnlab.config.trust import make
from rnnlab.data.base import SequenceData
from rnnlab.runs.build import Model
from rnnlab.runs.restore import restore
from rnnlab.training.checkpoint import find_checkpoint, read_checkpoint


def reopen(folder: Path) -> tuple[Model, SequenceData]:
    """The trained model, and the data that it was trained on."""
    checkpoint = read_checkpoint(find_checkpoint(folder))
    spec, model = restore(checkpoint)
    data: SequenceData = make(checkpoint.cfg["data"], [])
    data.reuse(spec)
    return model, data
