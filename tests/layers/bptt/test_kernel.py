"""Explicit backpropagation through time; that it equals the scan is in `test_contract`."""

import copy
from functools import partial
from itertools import product

import pytest
import torch
from torch.autograd import gradcheck

from rnnlab.errors import ConfigError
from rnnlab.layers.bidirectional import Bidirectional
from rnnlab.layers.gru import GRU
from rnnlab.layers.lstm import LSTM
from rnnlab.layers.rnn import RNN

CELLS = {"rnn": RNN, "relu": partial(RNN, nonlinearity="relu"), "lstm": LSTM, "gru": GRU}
B, T, D, H = 4, 6, 3, 5
LENGTHS = torch.tensor([2, 6, 1, 6])
EACH = (None, LENGTHS)


@pytest.fixture(params=CELLS)
def make(request):
    def make(dtype=torch.float64, kernel="bptt", sizes=(D, H)):
        torch.manual_seed(0)
        return CELLS[request.param](sizes[0], hidden_size=sizes[1], init="torch", kernel=kernel).to(
            dtype
        )

    return make


def inputs(layer, dtype=torch.float64):
    torch.manual_seed(1)
    x = torch.randn(B, T, D, dtype=dtype, requires_grad=True)
    state = tuple(torch.randn_like(part).requires_grad_() for part in layer.initial_state(B, x))
    return x, state


def loss(outputs, final):
    torch.manual_seed(2)
    weighted = [(part * torch.randn_like(part)).sum() for part in (outputs, *final)]
    return torch.stack(weighted).sum().square()


def test_second_derivatives_name_the_kernel_that_has_them(make):
    layer = make()
    x, state = inputs(layer)
    total = loss(*layer(x, LENGTHS, state))
    with pytest.raises(ConfigError, match=r"^cell\.kernel: bptt .*cell\.kernel=scan[^\n]*$"):
        torch.autograd.grad(total, x, create_graph=True)
    twin = make(kernel="scan")
    (first,) = torch.autograd.grad(loss(*twin(x, LENGTHS, state)), x, create_graph=True)
    assert torch.autograd.grad(first.square().sum(), x)[0].any()


def test_twice_in_one_graph_and_twice_backward(make):
    """What is saved for one backward pass survives another."""
    layer, scan = make(sizes=(H, H)), make(kernel="scan", sizes=(H, H))
    x = torch.randn(B, T, H, dtype=torch.float64, requires_grad=True)

    def twice(layer):
        outputs, state = layer(x, LENGTHS)
        return loss(*layer(outputs, LENGTHS, state))

    ours, theirs = twice(layer), twice(scan)
    expected = torch.autograd.grad(theirs, [x, *scan.parameters()])
    for _ in range(2):
        actual = torch.autograd.grad(ours, [x, *layer.parameters()], retain_graph=True)
        torch.testing.assert_close(actual, expected, rtol=1e-10, atol=1e-12)


def test_parts_of_the_result_that_are_not_used(make):
    layer, scan = make(), make(kernel="scan")

    def gradients(layer, lengths, used):
        x, state = inputs(layer)
        outputs, final = layer(x, lengths, state)
        chosen = outputs if used == "outputs" else final[-1]
        return torch.autograd.grad(chosen.square().sum(), [x, *state, *layer.parameters()])

    for case in product(EACH, ("outputs", "final")):
        ours, theirs = gradients(layer, *case), gradients(scan, *case)
        torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-12)


def test_frozen_parts_need_no_gradient(make):
    layer = make()
    x, state = inputs(layer)
    full = torch.autograd.grad(loss(*layer(x, LENGTHS, state)), layer.weight_ih_l0)
    layer.requires_grad_(False)
    layer.weight_ih_l0.requires_grad_(True)
    fixed = tuple(part.detach() for part in state)
    loss(*layer(x.detach(), LENGTHS, fixed)).backward()
    assert torch.equal(layer.weight_ih_l0.grad, full[0])
    assert layer.weight_hh_l0.grad is None


def test_without_gradients_the_same_outputs(make):
    layer = make()
    x, state = inputs(layer)
    for lengths in EACH:
        outputs, final = layer(x, lengths, state)
        with torch.no_grad():
            plain, plain_final = layer(x, lengths, state)
        assert not plain.requires_grad
        for one, two in zip((outputs, *final), (plain, *plain_final), strict=True):
            assert torch.equal(one, two)


def test_results_may_be_changed_in_place(make):
    """As those of torch's kernels: results share no memory with what backward needs."""
    layer = make()

    def gradients(double, x, lengths, state):
        outputs, final = layer(x, lengths, state)
        parts = [double(part) for part in (outputs, *final)]
        return torch.autograd.grad(loss(parts[0], parts[1:]), [x, *state, *layer.parameters()])

    for lengths, (batch, steps) in product(EACH, ((B, T), (1, T), (B, 1))):
        x, state = inputs(layer)
        x, state = x[:batch, :steps], tuple(part[:batch] for part in state)
        lengths = None if lengths is None else lengths[:batch].clamp(max=steps)
        changed = gradients(lambda part: part.mul_(2), x, lengths, state)
        expected = gradients(lambda part: part * 2, x, lengths, state)
        torch.testing.assert_close(changed, expected, rtol=1e-12, atol=1e-14)


def test_biases_do_not_share_a_gradient(make):
    layer = make()
    x, _ = inputs(layer)
    layer(x)[0].sum().backward()
    before = layer.bias_hh_l0.grad.clone()
    layer.bias_ih_l0.grad.zero_()
    assert torch.equal(layer.bias_hh_l0.grad, before)


def test_both_directions_gradcheck(make):
    layer = Bidirectional(make(sizes=(2, 2)), make(sizes=(2, 2)))
    x = torch.randn(3, 3, 2, dtype=torch.float64, requires_grad=True)
    lengths = torch.tensor([2, 3, 1])
    given = (x, *layer.parameters())
    assert gradcheck(lambda *_: layer.outputs(x, lengths), given, fast_mode=True)


def test_gradients_under_bf16_autocast_are_those_of_float32(make):
    layer = make(torch.float32)
    x, _ = inputs(layer, torch.float32)
    expected = torch.autograd.grad(layer(x, LENGTHS)[0].square().sum(), [x, *layer.parameters()])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        outputs, _ = layer(x, LENGTHS)
    actual = torch.autograd.grad(outputs.square().sum(), [x, *layer.parameters()])
    for one, other in zip(actual, expected, strict=True):
        assert torch.equal(one, other)


def test_autocast_leaves_float64(make):
    layer = make()
    x, _ = inputs(layer)
    expected = layer(x, LENGTHS)[0]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(layer(x, LENGTHS)[0], expected)


def test_copies_work(make):
    layer = make()
    x, _ = inputs(layer)
    assert torch.equal(copy.deepcopy(layer)(x)[0], layer(x)[0])


def test_which_kernel_and_why():
    cpu, cuda = torch.device("cpu"), torch.device("cuda", 0)
    assert GRU(D).engine(cpu) == RNN(D).engine(cpu) == "bptt (fastest on cpu)"
    assert LSTM(D).engine(cpu) == "fused (fastest on cpu)"
    assert GRU(D).engine(cuda) == LSTM(D).engine(cuda) == "fused (fastest on cuda)"
    assert LSTM(D, kernel="bptt").engine(cpu) == "bptt (set by cell.kernel)"
    assert GRU(D, kernel="scan").engine(cuda) == "scan (set by cell.kernel)"


@pytest.mark.parametrize(
    ("kernel", "node"), [("auto", "GRUFunction"), ("bptt", "GRUFunction"), ("scan", "Stack")]
)
def test_the_kernel_is_the_one_named(kernel, node):
    outputs, _ = GRU(D, kernel=kernel)(torch.randn(B, T, D))
    assert outputs.grad_fn.name().removesuffix("0") == f"{node}Backward"
