"""Starting from the encoder of a trained run (Dai and Le 2015, arXiv:1511.01432)."""

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor

from rnnlab.data.reading import sha256
from rnnlab.data.spec import Spec
from rnnlab.data.vocab import PAD, Vocab
from rnnlab.errors import CheckpointError, ConfigError
from rnnlab.layers.base import Layer
from rnnlab.nn.embedding import TokenEmbedding
from rnnlab.nn.encoder import Encoder
from rnnlab.training.checkpoint import below, find_checkpoint, read_checkpoint, shape_of

FORM, SIZE = ("nonlinearity", "num_heads", "positions"), ("hidden_size",)
"""Options of cells that decide what weights mean, and their shapes."""

FORWARD = ".forward_layer."
"""In the names of weights of the forward one of two directions."""


class Pretrained:
    """The encoder of a checkpoint, as the start of another one.

    Layers must be of the same cell and sizes; what an encoder has besides, such as the norms of
    blocks, is taken with them. Vectors are matched by word: a word that the trained run did not
    know keeps its new vector, and there is no fallback to another case. A one-way layer also starts
    the forward direction of a bidirectional one.

    Args:
        path: The checkpoint, or its run's folder (its best checkpoint).
        trusted: Packages of the user's own that its configuration may name.

    Raises:
        CheckpointError: Missing, broken or not to be trusted.
    """

    def __init__(self, path: str, trusted: list[str]) -> None:
        self.path = path
        try:
            self._checkpoint = read_checkpoint(find_checkpoint(path), trusted)
        except CheckpointError as error:
            raise CheckpointError(f"encoder.init_from: {error}") from None
        self._state = below("encoder.", self._checkpoint.state_dict)
        self._layers = _without_embedding(self._state)
        self._bidirectional = any(FORWARD in key for key in self._layers)

    @property
    def spec(self) -> Spec:
        """Of the data that it was trained on."""
        return self._checkpoint.spec

    def checksums(self) -> dict[str, str]:
        """sha256 of the checkpoint, by its path."""
        return {str(self._checkpoint.path): sha256(self._checkpoint.path)}

    def initialise(self, encoder: Encoder, spec: Spec) -> str:
        """Give an encoder the trained weights; returns a message of what was taken.

        Args:
            encoder: Newly made; changed in place.
            spec: Of the data that it reads.

        Raises:
            ConfigError: They do not fit; the message names all differences.
        """
        wanted = _without_embedding(encoder.state_dict())
        forward = {k.replace(FORWARD, "."): k for k in wanted if FORWARD in k}
        forward_only = bool(forward) and not self._bidirectional
        layers = {
            forward.get(key, key) if forward_only else key: value
            for key, value in self._layers.items()
        }
        if forward_only:
            wanted = {key: value for key, value in wanted.items() if ".backward_layer." not in key}
        unlike = [*_unlike(wanted, layers)]
        options = FORM + SIZE if unlike else FORM  # the last layer may have a size of its own
        differences = [*self._differences(encoder, options, forward_only=forward_only)] or unlike
        if differences:
            raise ConfigError(
                f"encoder.init_from: {self.path} does not fit: {'; '.join(differences)}"
            )
        encoder.load_state_dict(layers, strict=False)  # all but the embedding: see `_unlike`
        count = len(encoder.layers)
        message = f"{count} layer{'s' if count > 1 else ''}"
        message += ", the forward direction alone" if forward_only else ""
        if isinstance(encoder.embedding, TokenEmbedding):
            taken, words = self._copy_vectors(encoder.embedding, spec)
            message += f", vectors of {taken:,} of {words:,} words"
        return f"{message} from {self.path}"

    def _differences(
        self, encoder: Encoder, options: Sequence[str], *, forward_only: bool
    ) -> Iterator[str]:
        """Options that differ, as `X there, Y here`."""
        if not self._layers:
            yield "no recurrent layer there"
            return
        kind = self._checkpoint.cfg["encoder"]["_target_"].rpartition(".")[2]
        if kind != type(encoder).__name__:
            yield _difference("encoder", kind, type(encoder).__name__)
            return
        cell = self._checkpoint.cfg["cell"]
        (first, *_) = (part for part in encoder.layers.modules() if isinstance(part, Layer))
        here = f"{type(first).__module__}.{type(first).__qualname__}"
        if cell["_target_"] != here:
            yield _difference("cell", cell["_target_"].rpartition(".")[2], type(first).__name__)
        for name in options:
            there, now = cell.get(name), getattr(first, name, None)
            if None not in (there, now) and there != now:
                yield _difference(f"cell.{name}", there, now)
        numbers = {key.split(".")[1] for key in self._layers if key.startswith("layers.")}
        depth, layers = len(numbers), len(encoder.layers)
        if depth != layers:
            yield _difference("encoder.num_layers", depth, layers)
        if self._bidirectional and not encoder.bidirectional:
            yield _difference("encoder.bidirectional", "true", "false")
        if forward_only and layers > 1:
            yield "several one-way layers there, bidirectional layers here"
        table = self._state.get("embedding.weight")
        there = None if table is None or not table.is_floating_point() else table.shape[1]
        embedding = encoder.embedding
        now = embedding.output_size if isinstance(embedding, TokenEmbedding) else None
        if there != now:
            yield _difference("vectors of words", _size(there), _size(now))

    def _copy_vectors(self, embedding: TokenEmbedding, spec: Spec) -> tuple[int, int]:
        old, new = self._checkpoint.spec.source, spec.source
        assert isinstance(old, Vocab)  # both have vectors of words
        assert isinstance(new, Vocab)
        known = {token: row for row, token in enumerate(old.tokens) if token != PAD}
        base = new.tokens[: new.base_size]
        rows = [(row, known[token]) for row, token in enumerate(base) if token in known]
        to, source = torch.tensor(rows, dtype=torch.long).view(-1, 2).T
        with torch.no_grad():
            embedding.weight[to] = self._state["embedding.weight"][source]
        return len(rows), len(base) - 1  # padding is no word


def _without_embedding(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What an encoder learns besides vectors of tokens."""
    return {key: value for key, value in state.items() if not key.startswith("embedding.")}


def _unlike(wanted: Mapping[str, Tensor], layers: Mapping[str, Tensor]) -> Iterator[str]:
    """Parameters that are not on both sides, or of other shapes."""
    for key in dict.fromkeys([*wanted, *layers]):
        there, here = (shape_of(side.get(key)) for side in (layers, wanted))
        if there != here:
            yield _difference(key, there, here)


def _difference(what: str, there: object, here: object) -> str:
    return f"{what} {there} there, {here} here"


def _size(size: int | None) -> str:
    return "none" if size is None else f"of {size} features"
