import torch

from rnnlab.data.batch import Batch
from rnnlab.data.spec import Spec
from rnnlab.data.vocab import PAD, UNK, Vocab
from rnnlab.diagnostics.samples import source_tokens

LABELS = Vocab(["x", "y"])


def batch_of(inputs, lengths):
    return Batch(inputs, torch.tensor(lengths), torch.zeros(len(lengths), dtype=torch.long))


def test_tokens_numbers_or_the_numbers_of_steps():
    words = Vocab([PAD, UNK, "a", "b"])
    batch = batch_of(torch.tensor([[2, 3, 1], [3, 0, 0]]), [3, 1])
    spec = Spec(words, LABELS, "label")
    assert source_tokens(batch, spec, batch.lengths) == [["a", "b", UNK], ["b"]]

    batch = batch_of(torch.tensor([[[0.5, 1.25], [2.0, 0.0]], [[3.0, -1.0], [0.0, 0.0]]]), [2, 1])
    few = Spec(2, LABELS, "label")
    rows = source_tokens(batch, few, batch.lengths)
    assert rows == [["(0.50, 1.25)", "(2.00, 0.00)"], ["(3.00, -1.00)"]]
    # one step of the encoder for two of the input has no numbers of its own
    assert source_tokens(batch, few, torch.tensor([1, 1])) == [["0"], ["0"]]

    batch = batch_of(torch.zeros(2, 5, 40), [5, 3])
    many = Spec(40, LABELS, "label")
    rows = source_tokens(batch, many, batch.lengths)
    assert rows == [["0", "1", "2", "3", "4"], ["0", "1", "2"]]
