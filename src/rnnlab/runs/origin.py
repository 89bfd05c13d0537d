"""What a run was made of: recorded when it begins, compared when it is taken up again."""

import logging
from pathlib import Path
from typing import get_args

import torch

from rnnlab.data.base import SequenceData
from rnnlab.data.spec import Split
from rnnlab.data.vocab import Vocab
from rnnlab.errors import ConfigError, DataError
from rnnlab.nn.embedding import Vectors
from rnnlab.runs.build import Config, build_vectors
from rnnlab.training.checkpoint import Checkpoint, Origin
from rnnlab.training.pretrained import Pretrained

_log = logging.getLogger(__name__)


def origin_of(
    data: SequenceData, vectors: Vectors, start: Pretrained | None, resume: Checkpoint | None
) -> Origin:
    """What a run is made of.

    Args:
        data: Its data.
        vectors: Its word vectors.
        start: What a new run starts from.
        resume: The checkpoint that a resumed run continues from.

    Raises:
        DataError: The training files of a resumed run have changed.
    """
    before = Origin() if resume is None else resume.origin
    files = {split: data.checksums_of(split) for split in get_args(Split)}
    # vectors that are kept in the checkpoint may have no file any more
    known = before.files.get("embedding")
    files["embedding"] = vectors.checksums() if known is None else dict(known)
    vocab = data.spec().source
    return Origin(
        sources=before.sources if start is None else start.checksums(),
        files=files,
        vectors=vectors.to_keep(vocab) if isinstance(vocab, Vocab) else None,
        prior=torch.from_numpy(data.target_prior()) if before.prior is None else before.prior,
    )


def check_training_files(data: SequenceData, resume: Checkpoint) -> None:
    """Refuse to resume on other training data; warn of other validation and test data.

    Raises:
        DataError: A training file has changed.
    """
    changed = changed_files(data, "train", resume.origin)
    if changed:
        raise DataError(
            f"data.train: {changed} changed since the run began (the sha256 differs); a run is "
            "continued with the data that it began with"
        )
    warn_of_changes(data, ("val", "test"), resume.origin)


def warn_of_changes(data: SequenceData, splits: tuple[Split, ...], origin: Origin) -> None:
    """Say which splits are not those of the training any more."""
    for split in splits:
        changed = changed_files(data, split, origin)
        if changed:
            _log.warning("data.%s: %s changed since training (the sha256 differs)", split, changed)


def changed_files(data: SequenceData, split: Split, origin: Origin) -> str:
    """Names of the files of a split that are not as they were; empty where none is.

    A file may have another name or place. Of a run of an earlier version nothing is known.
    """
    now = data.checksums_of(split)
    before = [*origin.files.get(split, now).values()]
    if [*now.values()] == before:
        return ""
    return ", ".join(name for name, digest in now.items() if digest not in before) or ", ".join(now)


def restore_vectors(cfg: Config, checkpoint: Checkpoint) -> Vectors:
    """The word vectors of a trained model: what its checkpoint holds, else its file.

    Args:
        cfg: Its configuration, which may name another place of the file.
        checkpoint: What was read.

    Raises:
        ConfigError: A file for a model that reads none.
        DataError: The file is missing, or not the one of the training.
    """
    node, trained = cfg["embedding"], checkpoint.cfg["embedding"]
    if "path" not in trained and "path" in node:
        raise ConfigError("embedding.path: the model's word vectors are from no file")
    if node.get("root") is not None and not Path(node["root"]).is_dir():
        node = {**node, "root": None}  # today's data root, where that of the training is gone
    vectors = build_vectors({**cfg, "embedding": node})
    kept = checkpoint.origin.vectors
    if kept is None or node.get("path") != trained.get("path"):
        _check_vectors(vectors, checkpoint)
    if kept is not None:
        vectors.use_kept(kept)
    return vectors


def _check_vectors(vectors: Vectors, checkpoint: Checkpoint) -> None:
    try:
        found = vectors.checksums()
    except DataError as error:
        raise DataError(
            f"{error}; where the vectors of the training are now, say embedding.path=FILE"
        ) from None
    known = checkpoint.origin.files.get("embedding", found)  # older checkpoints do not know
    if [*known.values()] != [*found.values()]:
        raise DataError(
            f"{', '.join(found)}: not the vectors that {checkpoint.path} was trained with "
            f"({', '.join(known)}; the sha256 differs); name their file with embedding.path=FILE"
        )
