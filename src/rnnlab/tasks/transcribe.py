"""Transcription: what is said in a recording, judged by word and character error rates."""

from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torchmetrics import SumMetric

from rnnlab.config.types import Probability
from rnnlab.data.batch import Batch
from rnnlab.data.examples import Examples
from rnnlab.data.ragged import Ragged
from rnnlab.data.spec import Spec, Split
from rnnlab.data.stream import Stream
from rnnlab.data.vocab import PAD
from rnnlab.errors import ConfigError, DataError, shortened
from rnnlab.nn.attention import AttentionMap
from rnnlab.nn.ctc import BLANK, align, greedy, log_likelihoods, needed_steps, prefix_beam_search
from rnnlab.nn.encoded import Encoded
from rnnlab.nn.encoder import Encoder
from rnnlab.nn.search import Hypotheses
from rnnlab.nn.text_scores import ErrorRates
from rnnlab.tasks.graphs import Graph, encoder_graph
from rnnlab.tasks.scored_texts import ScoredTexts

WEIGHT = 0.3
"""Of the CTC loss beside an attention decoder's (Watanabe et al. 2017 tried 0.2, 0.5 and 0.8)."""

EXTRA_LENGTH = 10
"""Tokens that an attention decoder may write beyond one for each of the encoder's steps."""


class Transcribe(ScoredTexts):
    """A text for a recording: by CTC, or by an attention decoder (listen, attend and spell).

    Metrics: `wer` and `cer` (0 is perfect, see `ErrorRates`), `accuracy`, the share of texts that
    are all right, and with CTC `unalignable`, the number of references that need more steps than
    the encoder gives (see `rnnlab.nn.ctc.needed_steps`); these are left out of the loss.

    CTC needs no other option than `num_beams`, which is greedy with 1; the other options are those
    of the attention decoder. A CTC loss is divided by the same number as the decoder's cross
    entropy: the tokens of the texts, the end of each counted.

    Args:
        encoder: See `SequenceToSequence`.
        spec: See `SequenceToSequence`; `<pad>`, id 0 of the target vocabulary, is CTC's blank.
        output: What writes the text. `ctc` emits a token or nothing at each of the encoder's steps
            (Graves et al. 2006); `attention` is a decoder as in translation (Chan et al. 2016);
            with `both` the decoder writes, and CTC helps the encoder to learn.
        ctc_weight: Share of the CTC loss with `both`; None for 0.3.
        **options: Those of `ScoredTexts`.

    Raises:
        ConfigError: `ctc_weight` without `both`, a vocabulary without `<pad>`, or jiwer is missing.
    """

    monitor = "wer"
    mode = "min"

    def __init__(
        self,
        encoder: Encoder,
        spec: Spec,
        *,
        output: Literal["ctc", "attention", "both"] = "ctc",
        ctc_weight: Probability | None = None,
        **options: Any,
    ) -> None:
        super().__init__(encoder, spec, output != "ctc", **options)
        if ctc_weight is not None and output != "both":
            raise ConfigError(f"task.ctc_weight: task.output={output} has one loss; say both")
        weights = {
            "ctc": 1.0,
            "attention": 0.0,
            "both": WEIGHT if ctc_weight is None else ctc_weight,
        }
        self.attends = output != "ctc"
        self.ctc_weight = weights[output]
        self.subsampling = encoder.subsampling
        self.ctc: nn.Linear | None = None
        if output != "attention":
            if self.vocab.tokens[BLANK] != PAD:
                raise ConfigError(
                    f"task.output: CTC's blank is token 0 of the target vocabulary, {PAD!r}; this "
                    f"data has {self.vocab.tokens[BLANK]!r} there; choose attention"
                )
            self.ctc = nn.Linear(encoder.output_size, len(self.vocab))
            nn.init.xavier_uniform_(self.ctc.weight)
            nn.init.zeros_(self.ctc.bias)
        self.text_scores = ErrorRates()
        self.unalignable = SumMetric()

    def set_prior(self, counts: Int[Tensor, "V"]) -> None:
        """Of the decoder; how often CTC emits its blank is not known before training."""
        if self.attends:
            super().set_prior(counts)

    def remarks(self, split: Split, examples: Examples | Stream) -> list[str]:
        """How many texts of a split CTC cannot align, and the first of them.

        Raises:
            DataError: It can align none of the training texts, or a token is named like the blank.
        """
        if self.ctc is None or not isinstance(examples, Examples) or examples.texts is None:
            return []
        texts, places = examples.texts, examples.places
        for text in texts:
            if PAD in text and PAD in self.tokenizer.split(text):
                raise DataError(f"{split}: {text!r} has a token named as CTC's blank, {PAD}")
        assert isinstance(examples.target, Ragged), "texts are of unequal length"
        target, lengths = examples.target.pad(np.arange(len(texts)), fill=BLANK)
        needed = needed_steps(target[:, 1:], lengths - 2).numpy()
        steps = -(-examples.lengths // self.subsampling)
        short = np.flatnonzero(needed > steps)
        if not len(short):
            return []
        row = short[0]
        named = f"{places[row]}: " if places else ""
        found = (
            f"CTC cannot align {len(short):,} of {len(texts):,} {split} texts, which do not count "
            f"in the loss: {named}{shortened([texts[row]])!r} needs {needed[row]} steps of the "
            f"encoder and has {steps[row]}"
        )
        if split == "train" and len(short) == len(texts):
            raise DataError(f"{found}; choose a smaller encoder.subsampling")
        return [found]

    def loss(self, encoded: Encoded, batch: Batch) -> Float[Tensor, ""]:
        """Negative log-likelihood in nats, by CTC, by the decoder, or their weighted mean."""
        loss: Tensor = encoded.outputs.new_zeros(())
        if self.ctc is not None:
            scores = log_likelihoods(*self._aligned(encoded, batch))
            # a score that is not a number stays in the loss
            total = scores.masked_fill(scores == float("-inf"), 0.0).sum()
            loss = loss - self.ctc_weight * total / self.units(batch)
        if self.attends:
            loss = loss + (1 - self.ctc_weight) * super().loss(encoded, batch)
        return loss

    def update(self, encoded: Encoded, batch: Batch) -> None:
        """Write a batch's texts and compare."""
        super().update(encoded, batch)
        if self.ctc is not None:
            _, steps, target, lengths = self._aligned(encoded, batch)
            self.unalignable.update((needed_steps(target, lengths) > steps).sum())

    def compute(self) -> dict[str, float]:
        """`wer`, `cer`, `accuracy`; with CTC `unalignable`."""
        known = {} if self.ctc is None else {"unalignable": float(self.unalignable.compute())}
        return super().compute() | known

    def reset(self) -> None:
        """Forget all batches."""
        super().reset()
        self.unalignable.reset()

    def answers(self, encoded: Encoded) -> dict[str, Tensor]:
        """CTC's `log_probs` (B, T, V) and real `steps` (B,); of a decoder see the base class."""
        if self.attends:
            return super().answers(encoded)
        return {"log_probs": self.log_probs(encoded), "steps": encoded.lengths + 0}

    def decoding(self) -> dict[str, Any]:
        """See the base class."""
        return super().decoding() | {"kind": "texts" if self.attends else "ctc"}

    def graphs(self, encoder: Encoder, batch: Batch) -> list[Graph]:
        """Of CTC one; of a decoder see the base class."""
        if self.attends:
            return super().graphs(encoder, batch)
        return [encoder_graph("model", encoder, self, self.answers, batch)]

    def search(self, encoded: Encoded, num_beams: int, num_return_sequences: int = 1) -> Hypotheses:
        """By the decoder, or where there is none over CTC's prefixes.

        With one beam CTC is greedy: the text of the most probable alignment, scored by all of them.
        """
        if self.attends:
            return super().search(encoded, num_beams, num_return_sequences)
        log_probs, lengths = self.log_probs(encoded), encoded.lengths
        if num_beams > 1:
            return prefix_beam_search(
                log_probs,
                lengths,
                num_beams=num_beams,
                num_return_sequences=num_return_sequences,
                banned=[self.vocab.start_id, self.vocab.end_id],
            )
        texts = greedy(log_probs, lengths)
        rows = [torch.tensor(text, device=lengths.device) for text in texts]
        target = nn.utils.rnn.pad_sequence(rows, batch_first=True).long()
        counts = torch.tensor(list(map(len, texts)), device=lengths.device)
        scores = log_likelihoods(log_probs, lengths, target, counts)
        return Hypotheses([[text] for text in texts], scores.unsqueeze(1))

    def max_length(self, encoded: Encoded) -> Tensor:
        """A token for each of the encoder's steps, and `max_new_tokens` in any case."""
        return (encoded.lengths + EXTRA_LENGTH).clamp(max=self.max_new_tokens)

    def attention_map(self, encoded: Encoded, batch: Batch) -> AttentionMap | None:
        """The decoder's; see the base class."""
        return super().attention_map(encoded, batch) if self.attends else None

    def log_probs(self, encoded: Encoded) -> Float[Tensor, "B T V"]:
        """CTC's of the tokens and the blank at each step, in float32 at least."""
        assert self.ctc is not None, "task.output=attention has no CTC"
        logits: Tensor = self.ctc(encoded.outputs)
        return logits.to(torch.promote_types(logits.dtype, torch.float32)).log_softmax(dim=2)

    def alignment(self, encoded: Encoded, batch: Batch) -> Int[Tensor, "B T"]:
        """Which token of its text each step emits by CTC, -1 for none; see `align`."""
        return align(*self._aligned(encoded, batch))

    def _aligned(self, encoded: Encoded, batch: Batch) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        assert batch.target_lengths is not None, "targets of kind tokens have lengths"
        target = batch.target[:, 1:]
        return self.log_probs(encoded), encoded.lengths, target, batch.target_lengths - 2
