import torch

from rnnlab.layers.bidirectional import Bidirectional
from rnnlab.layers.gru import GRU

LENGTHS = torch.tensor([4, 1, 6])


def make():
    torch.manual_seed(0)
    layer = Bidirectional(GRU(3, hidden_size=5), GRU(3, hidden_size=5)).double()
    return layer, torch.randn(3, 6, 3, dtype=torch.float64)


def test_each_direction_reads_the_sequence_alone():
    layer, x = make()
    outputs = layer.outputs(x, LENGTHS)
    assert outputs.shape == (3, 6, layer.output_size)
    for row, length in enumerate(LENGTHS.tolist()):
        real = x[row : row + 1, :length]
        forward = layer.forward_layer(real)[0]
        backward = layer.backward_layer(real.flip(1))[0].flip(1)
        torch.testing.assert_close(
            outputs[row : row + 1, :length], torch.cat([forward, backward], 2)
        )
        assert not outputs[row, length:].any()


def test_final_has_seen_everything():
    layer, x = make()
    x.requires_grad_()
    final = layer.final(layer.outputs(x, LENGTHS), LENGTHS)
    for part in final.split(5, dim=1):
        (gradient,) = torch.autograd.grad(part.sum(), x, retain_graph=True)
        reached = gradient.ne(0).any(dim=2)
        assert torch.equal(reached, torch.arange(6) < LENGTHS.unsqueeze(1))


def test_without_lengths_all_steps_are_valid():
    layer, x = make()
    full = torch.full((3,), 6)
    torch.testing.assert_close(layer.outputs(x), layer.outputs(x, full))


def test_directions_do_not_share_weights():
    layer, _ = make()
    assert not torch.equal(layer.forward_layer.weight_ih_l0, layer.backward_layer.weight_ih_l0)
    assert len(list(layer.parameters())) == 8
