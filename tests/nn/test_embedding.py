import math

import pytest
import torch

from rnnlab.data.vocab import PAD, UNK, Vocab
from rnnlab.nn.embedding import Coverage, Features, RandomVectors, TokenEmbedding

VOCAB = Vocab([PAD, UNK, "a", "b"])


def reference(embedding, ids):
    """Row by row, from one table of base and added vectors."""
    parts = [embedding.weight] + ([] if embedding.extension is None else [embedding.extension])
    table = torch.cat(parts)
    return torch.stack([torch.stack([table[i] for i in row]) for row in ids.tolist()])


@pytest.mark.parametrize("added", [0, 3])
def test_looks_up_base_and_added_rows(added):
    torch.manual_seed(0)
    extension = torch.randn(added, 5) if added else None
    embedding = TokenEmbedding(torch.randn(4, 5), extension)
    ids = torch.arange(4 + added).repeat(2, 1)
    output = embedding(ids)
    assert output.shape == (2, 4 + added, 5)
    assert embedding.output_size == 5
    torch.testing.assert_close(output, reference(embedding, ids), rtol=0, atol=0)


@pytest.mark.parametrize("added", [0, 3])
def test_gradient_reaches_used_base_rows_alone(added):
    embedding = TokenEmbedding(torch.randn(4, 5), torch.randn(added, 5) if added else None)
    ids = torch.tensor([[2, 2, 3 + added, 0, 0]])
    embedding(ids).sum().backward()
    uses = torch.tensor([0.0, 0.0, 2.0, 0.0 if added else 1.0])
    assert torch.equal(embedding.weight.grad, uses.unsqueeze(1).expand(4, 5))


def test_padding_is_zero_and_stays_zero():
    table = torch.randn(4, 5)
    kept = table.clone()
    embedding = TokenEmbedding(table, torch.randn(2, 5))
    assert torch.equal(table, kept)  # the caller's tensor is not changed
    optimizer = torch.optim.Adam(embedding.parameters(), lr=0.1)
    embedding(torch.tensor([[0, 2, 4, 0]])).square().sum().backward()
    optimizer.step()
    assert torch.equal(embedding(torch.zeros(1, 3, dtype=torch.long)), torch.zeros(1, 3, 5))


def test_added_vectors_are_neither_trained_nor_stored():
    embedding = TokenEmbedding(torch.randn(4, 5), torch.randn(6, 5))
    assert [name for name, _ in embedding.named_parameters()] == ["weight"]
    assert {k: tuple(v.shape) for k, v in embedding.state_dict().items()} == {"weight": (4, 5)}
    # a state of a model without the extension fits one with it, and the other way round
    TokenEmbedding(torch.randn(4, 5)).load_state_dict(embedding.state_dict())
    # but they move with the module
    assert embedding.double()(torch.tensor([[2, 5]])).dtype == torch.float64


def test_frozen_table_gets_no_gradient():
    embedding = TokenEmbedding(torch.randn(4, 5), frozen=True)
    assert not embedding(torch.tensor([[2]])).requires_grad


def test_features_are_passed_on():
    features = Features(7)
    x = torch.randn(2, 3, 7)
    assert features.output_size == 7
    assert features(x) is x


def test_random_vectors_have_the_size_and_spread_asked_for_and_follow_the_seed():
    vocab = Vocab([PAD, UNK, *(f"w{i}" for i in range(998))])
    vectors = RandomVectors(embedding_dim=40, std=0.3)
    torch.manual_seed(1)
    first = vectors.module(vocab).weight
    torch.manual_seed(1)
    second = vectors.module(vocab).weight
    assert torch.equal(first, second)
    assert first.shape == (1000, 40)
    assert math.isclose(first[1:].std().item(), 0.3, rel_tol=0.03)
    assert (len(vectors.words), vectors.coverage, vectors.checksums()) == (0, None, {})


def test_coverage_counts_and_reads_well():
    coverage = Coverage(words=8, exact=4, lowered=2)
    assert coverage.missing == 2
    assert coverage.share == 0.75
    assert "75.0% of 8 words" in str(coverage)
    assert Coverage(words=0, exact=0, lowered=0).share == 0.0
