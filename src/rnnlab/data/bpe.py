"""Byte-pair encoding (Sennrich et al. 2016), trained by the `tokenizers` library."""

import json
from collections.abc import Callable, Iterable
from typing import IO, Any

from tokenizers import Regex
from tokenizers import Tokenizer as Subwords
from tokenizers.decoders import ByteLevel as ByteLevelDecoder
from tokenizers.models import BPE
from tokenizers.normalizers import Replace, Sequence, Strip
from tokenizers.pre_tokenizers import ByteLevel, Split
from tokenizers.pre_tokenizers import Sequence as Steps
from tokenizers.trainers import BpeTrainer

from rnnlab.data.cache import cached
from rnnlab.data.tokenizer import Tokenizer


def train_bpe(
    texts: Iterable[str], *, size: int, lower: bool, keep_blanks: bool = False
) -> Tokenizer:
    """A tokenizer of subwords learnt from texts.

    It works on the bytes of UTF-8, so that every text has subwords and joins back to itself once
    its blanks are collapsed (no-break spaces count as blanks, zero-width spaces are dropped).

    Args:
        texts: Training texts.
        size: Number of subwords, the 256 bytes counted; fewer where the texts give no more.
        lower: Lower-case all texts first.
        keep_blanks: Leave blanks as they are, as GPT-2 does: a text joins back to itself exactly.
            A line end is a token of its own.
    """
    model = Subwords(BPE())
    if not keep_blanks:
        model.normalizer = Sequence([Replace("\u200b", ""), Replace(Regex(r"\s+"), " "), Strip()])
        model.pre_tokenizer = ByteLevel(add_prefix_space=True)
    else:
        model.pre_tokenizer = Steps([Split("\n", "isolated"), ByteLevel(add_prefix_space=False)])
    model.decoder = ByteLevelDecoder()
    trainer = BpeTrainer(
        vocab_size=size, show_progress=False, initial_alphabet=sorted(ByteLevel.alphabet())
    )
    model.train_from_iterator((text.lower() if lower else text for text in texts), trainer)
    return Tokenizer("bpe", lower=lower, model=model.to_str())


def cached_bpe(name: str, key: Any, learn: Callable[[], list[Tokenizer]]) -> list[Tokenizer]:
    """Tokenizers from the cache, else learnt and kept there; see `rnnlab.data.cache.cached`."""
    return cached(f"{name}/bpe", key, learn, _write, _read)


def _write(stream: IO[bytes], tokenizers: list[Tokenizer]) -> None:
    stream.write(json.dumps([tokenizer.to_dict() for tokenizer in tokenizers]).encode())


def _read(stream: IO[bytes]) -> list[Tokenizer]:
    return [Tokenizer.from_dict(state) for state in json.load(stream)]
