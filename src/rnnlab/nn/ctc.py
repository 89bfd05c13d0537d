"""Connectionist temporal classification: texts without knowing where in the input each letter is.

Graves et al. 2006. At each of T steps a net emits a token or the blank. An alignment, one of them
for each step, stands for the text that is left when equal neighbours are merged and then blanks are
dropped; the probability of a text is the sum over all its alignments.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from rnnlab.data.batch import valid_mask
from rnnlab.nn.search import Hypotheses

BLANK = 0
"""Id of the blank: that of the padding, which is no token of any text."""

MULTIPLIER = 6364136223846793005
"""Of a prefix' 64-bit hash, modulo 2^64 (Knuth, MMIX)."""

Lengths = Int[Tensor, "B"]


def needed_steps(target: Int[Tensor, "B U"], target_lengths: Lengths) -> Lengths:
    """The least steps that an alignment has: one a token, and a blank between two equal ones."""
    real = valid_mask(target_lengths, target.shape[1])
    repeats = (target[:, 1:] == target[:, :-1]) & real[:, 1:]
    return target_lengths + repeats.sum(dim=1)


def log_likelihoods(
    log_probs: Float[Tensor, "B T V"],
    lengths: Lengths,
    target: Int[Tensor, "B U"],
    target_lengths: Lengths,
) -> Float[Tensor, "B"]:
    """The log-likelihood of each text in nats, in float32 or better; -inf where none fits.

    Its gradient is zero for texts that need more steps than there are, see `needed_steps`.

    Args:
        log_probs: Of each step's tokens, normalised.
        lengths: Real steps of each sequence.
        target: Token ids, right padded with anything.
        target_lengths: Tokens of each text; 0 is a silence.
    """
    steps_first = log_probs.transpose(0, 1)
    if log_probs.dtype in (torch.float16, torch.bfloat16):
        steps_first = steps_first.float()
    padded = target.where(valid_mask(target_lengths, target.shape[1]), BLANK + 1)
    losses = functional.ctc_loss(
        steps_first,
        padded,
        lengths,
        target_lengths,
        blank=BLANK,
        reduction="none",
        zero_infinity=True,  # else their gradients are NaN
    )
    fits = needed_steps(target, target_lengths) <= lengths
    return torch.where(fits, -losses, float("-inf"))


def greedy(log_probs: Float[Tensor, "B T V"], lengths: Lengths) -> list[list[int]]:
    """The text of the most probable alignment of each sequence (best path decoding)."""
    best = log_probs.argmax(dim=2)
    changes = torch.ones_like(best, dtype=torch.bool)
    changes[:, 1:] = best[:, 1:] != best[:, :-1]
    kept = changes & (best != BLANK) & valid_mask(lengths, best.shape[1])
    return [row[mask].tolist() for row, mask in zip(best.cpu(), kept.cpu(), strict=True)]


@torch.no_grad()
def prefix_beam_search(
    log_probs: Float[Tensor, "B T V"],
    lengths: Lengths,
    *,
    num_beams: int,
    num_return_sequences: int = 1,
    banned: Sequence[int] = (),
) -> Hypotheses:
    """The texts with the largest p(text | input), each summed over its alignments.

    After each step the `num_beams` most probable prefixes are kept, each with the probability of
    those of its alignments that end in a blank, and of those that end in its last token (Graves &
    Jaitly 2014, algorithm 1; Hannun et al. 2014, arXiv:1408.2873). A score is the logarithm of what
    the kept prefixes gathered. With a beam for all prefixes it is exact, with a smaller one at most
    the true value. Prefixes are compared by 64-bit hashes.

    Args:
        log_probs: Of each step's tokens, normalised.
        lengths: Real steps of each sequence.
        num_beams: Prefixes kept, at least 1.
        num_return_sequences: Texts wanted of each sequence, at least 1 and at most `num_beams`.
        banned: Tokens never emitted.
    """
    batch, steps, size = log_probs.shape
    new = log_probs.new_full((batch, num_beams), float("-inf"))
    ends_in_blank, ends_in_token = new.clone(), new.clone()
    ends_in_blank[:, 0] = 0.0  # the empty prefix
    last = torch.full_like(new, BLANK, dtype=torch.long)
    count, own, parent = torch.zeros_like(last), torch.zeros_like(last), torch.zeros_like(last)
    tokens = last.new_zeros(batch, num_beams, steps)
    # beyond its end a sequence emits blanks, and the order of its prefixes stays
    over = log_probs.new_full((size,), float("-inf"))
    over[BLANK] = 0.0
    log_probs = log_probs.clone()
    log_probs[:, :, list(banned)] = float("-inf")
    log_probs = torch.where(valid_mask(lengths, steps).unsqueeze(2), log_probs, over)
    for t in range(steps):
        emitted = log_probs[:, t]
        total = torch.logaddexp(ends_in_blank, ends_in_token)
        again = emitted.gather(1, last)
        stay_blank, stay_token = total + emitted[:, BLANK, None], ends_in_token + again
        # a token behind itself is another one only if a blank was between them
        grown = total.unsqueeze(2) + emitted.unsqueeze(1)
        grown.scatter_(2, last.unsqueeze(2), (ends_in_blank + again).unsqueeze(2))
        grown[:, :, BLANK] = float("-inf")
        grown = grown.flatten(1)
        # what grows to another kept prefix is added to that one
        alive = total.isfinite()
        same = (own.unsqueeze(2) == parent.unsqueeze(1)) & alive.unsqueeze(2) & alive.unsqueeze(1)
        same &= count.unsqueeze(2) + 1 == count.unsqueeze(1)
        place = same.long().argmax(dim=1) * size + last.where(same.any(dim=1), BLANK)
        stay_token = torch.logaddexp(stay_token, grown.gather(1, place))
        grown.scatter_(1, place, float("-inf"))

        stay = torch.logaddexp(stay_blank, stay_token)
        scores, index = torch.cat([stay, grown], dim=1).topk(num_beams, dim=1)
        grows = index >= num_beams
        grow = index - num_beams
        origin = torch.where(grows, grow.div(size, rounding_mode="floor"), index)
        ends_in_blank = stay_blank.gather(1, origin).masked_fill(grows, float("-inf"))
        ends_in_token = torch.where(grows, scores, stay_token.gather(1, origin))
        last, count, own, parent = (x.gather(1, origin) for x in (last, count, own, parent))
        tokens = tokens.gather(1, origin.unsqueeze(2).expand_as(tokens))
        last = torch.where(grows, grow % size, last)
        place = count.unsqueeze(2)
        written = torch.where(grows.unsqueeze(2), last.unsqueeze(2), tokens.gather(2, place))
        tokens.scatter_(2, place, written)
        parent = torch.where(grows, own, parent)
        own = torch.where(grows, own * MULTIPLIER + last, own)
        count = count + grows.long()
    scores = torch.logaddexp(ends_in_blank, ends_in_token)
    found = [
        [row[:n] for row, n, score in zip(*one, strict=True) if score > float("-inf")]
        for one in zip(
            tokens[:, :num_return_sequences].tolist(),
            count[:, :num_return_sequences].tolist(),
            scores[:, :num_return_sequences].tolist(),
            strict=True,
        )
    ]
    return Hypotheses(found, scores[:, :num_return_sequences])


def align(
    log_probs: Float[Tensor, "B T V"],
    lengths: Lengths,
    target: Int[Tensor, "B U"],
    target_lengths: Lengths,
) -> Int[Tensor, "B T"]:
    """The most probable alignment of given texts (Viterbi): which token each step emits.

    Args:
        log_probs: Of each step's tokens, normalised.
        lengths: Real steps of each sequence.
        target: Token ids, right padded with anything.
        target_lengths: Tokens of each text.

    Returns:
        Positions in the text; -1 at a blank, on padding, and for a text that needs more steps than
        there are. A token is emitted at one step or at several in a row.
    """
    batch, steps = log_probs.shape[:2]
    size = 2 * target.shape[1] + 1  # states: a blank around each token
    states = target.new_full((batch, size), BLANK)
    states[:, 1::2] = target.where(valid_mask(target_lengths, target.shape[1]), BLANK)
    # from the token before the last: not over a blank that parts two equal ones
    skips = torch.zeros_like(states, dtype=torch.bool)
    skips[:, 3::2] = states[:, 3::2] != states[:, 1:-2:2]
    none = log_probs.new_full((batch, 2), float("-inf"))
    score = torch.where(torch.arange(size, device=target.device) < 1, 0.0, none[:, :1])
    moves = []
    for t in range(steps):
        emitted = log_probs[:, t].gather(1, states)
        padded = torch.cat([none, score], dim=1)
        skipped = padded[:, :-2].where(skips, float("-inf"))
        before = torch.stack([score, padded[:, 1:-1], skipped], dim=2)
        best, move = before.max(dim=2)
        real = (lengths > t).unsqueeze(1)
        # at the first step a state is entered, at the last real one the score stands
        score = torch.where(real, best + emitted, score)
        moves.append(move.where(real, 0))
    last = (2 * target_lengths).unsqueeze(1)
    ends = torch.cat([score.gather(1, last), score.gather(1, (last - 1).clamp(min=0))], dim=1)
    possible = ends.max(dim=1)
    state = last - (possible.indices.unsqueeze(1) & (last > 0))
    path = []
    for t in reversed(range(steps)):
        path.append(state)
        state = state - moves[t].gather(1, state)
    found = torch.cat(path[::-1], dim=1)
    emits = (found % 2 == 1) & possible.values.isfinite().unsqueeze(1)
    return (found // 2).where(emits & valid_mask(lengths, steps), -1)
