"""Byte-pair encoding (Sennrich et al. 2016), trained by the `tokenizers` library."""

from collections.abc import Iterable

from tokenizers import Regex
from tokenizers import Tokenizer as Subwords
from tokenizers.decoders import ByteLevel as ByteLevelDecoder
from tokenizers.models import BPE
from tokenizers.normalizers import Replace, Sequence, Strip
from tokenizers.pre_tokenizers import ByteLevel
from tokenizers.trainers import BpeTrainer

from rnnlab.data.tokenizer import Tokenizer


def train_bpe(texts: Iterable[str], *, size: int, lower: bool) -> Tokenizer:
    """A tokenizer of subwords learnt from texts.

    It works on the bytes of UTF-8, so that every text has subwords and joins back to itself once
    its blanks are collapsed (no-break spaces count as blanks, zero-width spaces are dropped).

    Args:
        texts: Training texts.
        size: Number of subwords, the 256 bytes counted; fewer where the texts give no more.
        lower: Lower-case all texts first.
    """
    model = Subwords(BPE())
    model.normalizer = Sequence([Replace("\u200b", ""), Replace(Regex(r"\s+"), " "), Strip()])
    model.pre_tokenizer = ByteLevel(add_prefix_space=True)
    model.decoder = ByteLevelDecoder()
    trainer = BpeTrainer(
        vocab_size=size, show_progress=False, initial_alphabet=sorted(ByteLevel.alphabet())
    )
    model.train_from_iterator((text.lower() if lower else text for text in texts), trainer)
    return Tokenizer("bpe", lower=lower, model=model.to_str())
