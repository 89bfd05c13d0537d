"""From features to the probabilities of all words of a vocabulary: at once, or in clusters."""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Literal, cast

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from rnnlab.data.batch import IGNORE
from rnnlab.errors import ConfigError
from rnnlab.nn.losses import vocabulary_loss

VocabularyOutput = Literal["softmax", "adaptive"]


def log_frequencies(counts: Int[Tensor, "V"]) -> Float[Tensor, "V"]:
    """Log-probability of each token by how often it occurs; one that never does counts half."""
    smoothed = counts + 0.5
    return smoothed.div(smoothed.sum()).log()


@torch.no_grad()
def set_frequencies(
    output: nn.Linear, counts: Int[Tensor, "V"], *, keep_weight: bool = False
) -> None:
    """Make each token as probable as it is frequent, before anything is learnt.

    Its bias is the logarithm of its frequency; a net whose biases are zero spends its first
    hundreds of steps on learning them, and until then its recurrent weights hardly get a gradient.
    The weights are scaled to the deviation 1/sqrt(E), so that E features of deviation 1 give
    logits of deviation 1.

    Args:
        output: From E features to V logits.
        counts: How often each token occurs; one that never does counts half.
        keep_weight: Leave the weights, which are an embedding's as well.
    """
    output.bias.copy_((counts + 0.5).div(counts.sum()).log())
    if not keep_weight:
        output.weight.mul_(output.in_features**-0.5 / output.weight.std())


class SoftmaxOutput(nn.Linear):
    """A row of weights and a bias for each word.

    Args:
        features: Number of features E.
        words: Number of words V.
        cutoffs: Not used.
        div_value: Not used.
    """

    def __init__(self, features: int, words: int, cutoffs: Sequence[int], div_value: float) -> None:
        super().__init__(features, words)
        nn.init.zeros_(self.bias)
        self.tied = False

    def tie(self, weight: nn.Parameter) -> None:
        """Take the vectors (V, E) of an embedding as weights."""
        self.weight = weight
        self.tied = True

    def set_frequencies(self, counts: Int[Tensor, "V"]) -> None:
        """See the function `set_frequencies`."""
        set_frequencies(self, counts, keep_weight=self.tied)

    def loss(self, features: Float[Tensor, "N E"], target: Int[Tensor, "N"]) -> Float[Tensor, ""]:
        """Negative log-likelihood in nats, the mean over targets that are not `IGNORE`."""
        return vocabulary_loss(features, self, target)

    def scores(self, features: Float[Tensor, "*N E"]) -> Float[Tensor, "*N V"]:
        """Log-probabilities but for a constant that all words share."""
        scores: Tensor = self(features)
        return scores


class AdaptiveSoftmax(nn.AdaptiveLogSoftmaxWithLoss):
    """Frequent words at once, rarer ones in clusters with fewer features (Grave et al. 2017).

    arXiv:1609.04309, with the parameters of torch's class: the first cluster, the head, has all E
    features and one further class for each of the other clusters, the i-th of which (from 1) has
    E / div_value^i. The likelihood is exact; most words cost as much as the head alone. The loss
    equals torch's; with the cross entropies of `rnnlab.nn.losses` it takes 6 to 28 % less time
    (measured: V = 30,000, E = 256, on a CPU).

    Args:
        features: Number of features E.
        words: Number of words V; the more frequent a word, the smaller its id.
        cutoffs: Ids of the first words of the clusters behind the head, rising.
        div_value: What divides the features from cluster to cluster.

    Raises:
        ConfigError: Cutoffs that do not rise or are not inside the vocabulary, or a divisor that
            leaves a cluster without features.
    """

    def __init__(self, features: int, words: int, cutoffs: Sequence[int], div_value: float) -> None:
        ends = list(cutoffs)
        if not ends or any(a >= b for a, b in pairwise([0, *ends, words])):
            raise ConfigError(
                f"task.cutoffs: {ends} must be rising numbers above 0 and below the "
                f"{words:,} words of the vocabulary"
            )
        if features // div_value ** len(ends) < 1:
            raise ConfigError(
                f"task.div_value: {div_value:g} leaves the last of {len(ends)} clusters none of "
                f"{features} features; choose a smaller one"
            )
        super().__init__(features, words, ends, div_value=div_value, head_bias=True)
        nn.init.zeros_(self.head.bias)

    def tie(self, weight: nn.Parameter) -> None:
        """Refuse: rare words have fewer features than an embedding.

        Raises:
            ConfigError: Always.
        """
        raise ConfigError(
            "task.tie_word_embeddings: true needs task.output=softmax: the rare words of an "
            "adaptive output have fewer features than the embedding"
        )

    def set_frequencies(self, counts: Int[Tensor, "V"]) -> None:
        """See the function `set_frequencies`; of the head, as clusters have no biases."""
        first = self.shortlist_size
        clusters = [counts[a:b].sum() for a, b in pairwise(self.cutoffs)]
        set_frequencies(self.head, torch.cat([counts[:first], torch.stack(clusters)]))

    def loss(self, features: Float[Tensor, "N E"], target: Int[Tensor, "N"]) -> Float[Tensor, ""]:
        """Negative log-likelihood in nats, the mean over targets that are not `IGNORE`.

        How many targets each cluster has is asked once, and a GPU waited for.
        """
        first = self.shortlist_size
        cluster = torch.stack([target >= start for start in self.cutoffs[:-1]]).sum(0)
        groups = torch.arange(-1, self.n_clusters + 1, device=target.device).unsqueeze(1)
        cluster = torch.where(target == IGNORE, -1, cluster)
        sizes: list[int] = (cluster == groups).sum(1).tolist()
        _, _, *members = torch.split(cluster.argsort(stable=True), sizes)
        # of the head: its own words, then the clusters
        classes = torch.where(cluster > 0, first - 1 + cluster, target)
        total = features.new_zeros(())
        tail = cast("Iterable[tuple[nn.Linear, nn.Linear]]", self.tail)
        for (down, words), rows, start in zip(tail, members, self.cutoffs, strict=False):
            if len(rows):
                inner = target[rows] - start
                total = total + len(rows) * vocabulary_loss(down(features[rows]), words, inner)
            else:  # its gradient is zero, not none: another process may have such words
                total = total + words(down(features[rows])).sum()
        head = vocabulary_loss(features, self.head, classes)
        return head + total / (len(target) - sizes[0])

    def scores(self, features: Float[Tensor, "*N E"]) -> Float[Tensor, "*N V"]:
        """Log-probabilities."""
        flat: Tensor = self.log_prob(features.reshape(-1, features.shape[-1]))
        return flat.view(*features.shape[:-1], -1)


OUTPUTS: dict[VocabularyOutput, type[SoftmaxOutput] | type[AdaptiveSoftmax]] = {
    "softmax": SoftmaxOutput,
    "adaptive": AdaptiveSoftmax,
}
"""By the name in `task.output`."""
