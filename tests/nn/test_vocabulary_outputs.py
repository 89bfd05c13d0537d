"""An adaptive output against torch's own loss and against its own full distribution."""

import itertools

import pytest
import torch
from torch import nn
from torch.nn import functional

from rnnlab.data.batch import IGNORE
from rnnlab.errors import ConfigError
from rnnlab.nn.vocabulary_outputs import AdaptiveSoftmax, SoftmaxOutput

V, E, CUTOFFS = 23, 12, [5, 11]


def case(rows=40, ignored=False):
    torch.manual_seed(0)
    output = AdaptiveSoftmax(E, V, CUTOFFS, 2.0).double()
    nn.init.normal_(output.head.bias)
    features = torch.randn(rows, E, dtype=torch.float64, requires_grad=True)
    target = torch.randint(V, (rows,))
    if ignored:
        target[::3] = IGNORE
    return output, features, target


@pytest.mark.parametrize("ignored", [False, True])
def test_loss_and_gradients_are_those_of_torch(ignored):
    output, features, target = case(ignored=ignored)
    real = target != IGNORE
    slow = nn.AdaptiveLogSoftmaxWithLoss.forward(output, features[real], target[real]).loss
    fast = output.loss(features, target)
    torch.testing.assert_close(fast, slow, rtol=1e-12, atol=0)
    inputs = [features, *output.parameters()]
    mine, theirs = (torch.autograd.grad(2 * one, inputs) for one in (fast, slow))
    for one, other in zip(mine, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("words", [[0, 1, 4], [6, 7, 10], [11, 20, 22], [3, 8, 17]])
def test_clusters_without_a_target_do_not_matter(words):
    output, features, _ = case(rows=3)
    target = torch.tensor(words)
    expected = functional.nll_loss(output.scores(features), target)
    torch.testing.assert_close(output.loss(features, target), expected, rtol=1e-12, atol=0)
    with torch.no_grad():
        torch.testing.assert_close(output.loss(features, target), expected, rtol=1e-12, atol=0)


def test_one_look_at_the_device_tells_the_size_of_all_clusters(monkeypatch):
    """Tensors on the meta device have no values: whatever else asked for one would fail."""
    output, features, target = case(ignored=True)
    sizes, looked = [14, 6, 10, 10], []

    def tolist(tensor):
        looked.append(tensor.device.type)
        return sizes

    monkeypatch.setattr(torch.Tensor, "tolist", tolist)
    output, features = output.to("meta"), features.detach().to("meta").requires_grad_()
    output.loss(features, target.to("meta")).backward()
    assert looked == ["meta"]
    assert all(parameter.grad is not None for parameter in output.parameters())


def test_scores_are_a_distribution_over_all_words():
    output, features, target = case()
    scores = output.scores(features.view(4, 10, E))
    assert scores.shape == (4, 10, V)
    torch.testing.assert_close(scores.exp().sum(2), torch.ones(4, 10, dtype=torch.float64))
    loss = functional.nll_loss(scores.flatten(0, 1), target)
    torch.testing.assert_close(output.loss(features, target), loss, rtol=1e-12, atol=0)


@torch.no_grad()
def test_it_works_in_bfloat16():
    output, features, target = case()
    output, features = output.float(), features.float()
    exact = float(output.loss(features, target))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert float(output.loss(features.bfloat16(), target)) == pytest.approx(exact, rel=0.02)
        scores = output.scores(features.bfloat16())
    assert float(functional.nll_loss(scores.float(), target)) == pytest.approx(exact, rel=0.02)


@pytest.mark.parametrize("cutoffs", [[], [0, 5], [5, 5], [7, 5], [5, V], [V + 1]])
def test_cutoffs_must_be_inside_the_vocabulary_and_rise(cutoffs):
    with pytest.raises(ConfigError, match=r"task\.cutoffs: \[.*\] must be rising numbers .* 23 w"):
        AdaptiveSoftmax(E, V, cutoffs, 2.0)
    SoftmaxOutput(E, V, cutoffs, 2.0)


def test_every_cluster_needs_a_feature():
    with pytest.raises(
        ConfigError, match=r"^task\.div_value: 4 leaves the last of .* clusters none"
    ):
        AdaptiveSoftmax(E, V, CUTOFFS, 4.0)


def test_an_adaptive_output_has_no_vectors_to_tie():
    output, _, _ = case()
    with pytest.raises(
        ConfigError, match=r"task\.tie_word_embeddings: true needs task\.output=softmax"
    ):
        output.tie(nn.Parameter(torch.zeros(V, E)))


@pytest.mark.parametrize("kind", [SoftmaxOutput, AdaptiveSoftmax])
def test_before_anything_is_learnt_words_are_as_probable_as_they_are_frequent(kind):
    torch.manual_seed(2)
    counts = torch.tensor([0, 3, 900, *range(1, V - 2)])
    output = kind(E, V, CUTOFFS, 2.0).double()
    output.set_frequencies(counts)
    found = output.scores(torch.zeros(1, E, dtype=torch.float64)).softmax(dim=1)[0]
    expected = counts + 0.5
    if kind is AdaptiveSoftmax:  # within a cluster all are alike
        for a, b in itertools.pairwise([*CUTOFFS, V]):
            expected[a:b] = (counts[a:b].sum() + 0.5) / (b - a)
    expected /= expected.sum()
    torch.testing.assert_close(found, expected.double(), rtol=1e-6, atol=0)
    weight = output.head.weight if kind is AdaptiveSoftmax else output.weight
    assert float(weight.detach().std()) == pytest.approx(E**-0.5)


def test_tied_weights_stay_those_of_the_embedding():
    embedding = nn.Parameter(torch.randn(V, E))
    output = SoftmaxOutput(E, V, CUTOFFS, 2.0)
    output.tie(embedding)
    before = embedding.detach().clone()
    output.set_frequencies(torch.arange(V))
    assert output.weight is embedding
    assert torch.equal(embedding, before)
    assert output.bias.diff().min() > 0


def test_a_cluster_without_targets_has_a_gradient_of_zero():
    """Several processes wait for the gradients of all parameters, whatever each of them read."""
    output, features, target = case()
    target.clamp_(max=CUTOFFS[0] - 1)
    output.loss(features, target).backward()
    for parameter in output.tail.parameters():
        assert torch.equal(parameter.grad, torch.zeros_like(parameter))
    assert output.head.weight.grad.any()
