"""What every cell of the configuration must do, found by walking `configs/cell`."""

import importlib
from itertools import product
from pathlib import Path
from typing import get_args

import pytest
import torch
from omegaconf import OmegaConf
from torch.autograd import gradcheck

from rnnlab.layers.fused import FusedLayer, Kernel

CELLS = Path(__file__).parents[2] / "configs" / "cell"
B, T, D, H = 4, 7, 3, 8
LENGTHS = torch.tensor([7, 1, 4, 6])


def load(name):
    options = OmegaConf.to_container(OmegaConf.load(CELLS / f"{name}.yaml"))
    module, _, attribute = options.pop("_target_").rpartition(".")
    return getattr(importlib.import_module(module), attribute), options


NAMES = sorted(path.stem for path in CELLS.glob("*.yaml"))


def kernels(name):
    """Those that a cell can be told to use, without `auto`, which is one of them."""
    fused = issubclass(load(name)[0], FusedLayer)
    return [k for k in get_args(Kernel) if k != "auto"] if fused else [None]


@pytest.fixture(params=[(name, kernel) for name in NAMES for kernel in kernels(name)], ids=str)
def make(request):
    """From sizes to a layer: each cell with each of its kernels."""
    name, kernel = request.param
    cell, options = load(name)
    if kernel:
        options["kernel"] = kernel
    return lambda size, hidden: cell(size, **options | {"hidden_size": hidden})


@pytest.fixture
def layer(make):
    torch.manual_seed(0)
    layer = make(D, H).double()
    with torch.no_grad():
        for parameter in layer.parameters():  # zero biases would hide a wrong one
            parameter += 0.3 * torch.randn_like(parameter)
    return layer


def batch(layer, steps=T):
    """Inputs, and a state that other inputs left."""
    x = torch.randn(B, steps, D, dtype=torch.float64, requires_grad=True)
    with torch.no_grad():
        _, state = layer(torch.randn(B, 3, D, dtype=x.dtype), torch.tensor([3, 1, 2, 3]))
    return x, tuple(part.requires_grad_(part.is_floating_point()) for part in state)


def floating(parts):
    return [part for part in parts if part.is_floating_point()]


def gradients(layer, outputs, state, inputs):
    torch.manual_seed(1)
    loss = sum(
        (part * torch.randn(part.shape, dtype=part.dtype)).sum()
        for part in floating((outputs, *state))
    )
    return torch.autograd.grad(loss, [*floating(inputs), *layer.parameters()])


def assert_same(ours, reference):
    assert len(ours) == len(reference)
    for one, other in zip(ours, reference, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-12)


def assert_same_state(ours, reference):
    """Equal but for leading zeros, of a state that grows with the steps."""
    for one, other in zip(ours, reference, strict=True):
        if one.shape != other.shape:
            long, short = sorted((one, other), key=torch.numel, reverse=True)
            surplus = long.shape[2] - short.shape[2]
            assert not long[:, :, :surplus].any()
            one, other = long[:, :, surplus:], short
        assert_same((one,), (other,))


def test_forward_is_the_scan_of_step(layer):
    x, state = batch(layer)
    for lengths, start in product((None, LENGTHS), (None, state)):
        inputs = (x, *(start or ()))
        outputs, final = layer(x, lengths, start)
        expected, expected_final = layer.scan(x, lengths, start)
        assert outputs.shape == (B, T, layer.output_size)
        assert_same((outputs, *final), (expected, *expected_final))
        assert_same(
            gradients(layer, outputs, final, inputs),
            gradients(layer, expected, expected_final, inputs),
        )


def test_outputs_are_those_of_forward(layer):
    x, _ = batch(layer)
    for lengths in (None, LENGTHS):
        outputs, expected = layer.outputs(x, lengths), layer(x, lengths)[0]
        assert_same((outputs,), (expected,))
        assert_same(gradients(layer, outputs, (), (x,)), gradients(layer, expected, (), (x,)))


def test_each_sequence_gives_what_it_gives_alone(layer):
    x, state = batch(layer)
    outputs, final = layer(x, LENGTHS, state)
    for row, length in enumerate(LENGTHS.tolist()):
        alone, last = layer(x[row : row + 1, :length], None, tuple(s[row : row + 1] for s in state))
        assert_same((outputs[row : row + 1, :length],), (alone,))
        assert_same_state([part[row : row + 1] for part in final], last)
        assert not outputs[row, length:].any()


def test_padding_has_no_influence(layer):
    def run(method, x):
        outputs, final = method(x)
        return outputs, *final, *gradients(layer, outputs, final, (x,))

    every = (1e30, float("nan"), float("inf"))
    for method, garbage in (
        (lambda x: layer(x, LENGTHS), every),
        (lambda x: layer.scan(x, LENGTHS), every),
        (lambda x: (layer.outputs(x, LENGTHS), ()), (1e30, -3.0)),  # finite: the encoder's is
    ):
        x, _ = batch(layer)
        clean = run(method, x)
        assert all(part.isfinite().all() for part in clean)
        assert not clean[-1 - len(list(layer.parameters()))][1, 1:].any()  # gradient of padding
        for value in garbage:
            dirty = x.detach().clone()
            for row, length in enumerate(LENGTHS.tolist()):
                dirty[row, length:] = value
            assert_same(run(method, dirty.requires_grad_()), clean)


def test_more_padding_changes_nothing(layer):
    x, state = batch(layer)
    longer = torch.cat([x, torch.randn(B, 300, D, dtype=x.dtype)], dim=1)
    outputs, final = layer(x, LENGTHS, state)
    longer_outputs, longer_final = layer(longer, LENGTHS, state)
    assert_same((longer_outputs[:, :T],), (outputs,))
    assert_same_state(longer_final, final)


def test_causal(layer):
    x, _ = batch(layer)
    changed = x.detach().clone()
    changed[:, 4] += 1
    before, after = layer(x)[0], layer(changed)[0]
    assert_same((after[:, :4],), (before[:, :4],))
    assert (after[:, 4:] != before[:, 4:]).any(dim=2).all()


def test_state_carries_over_a_split(layer):
    x, state = batch(layer)
    whole, final = layer(x, None, state)
    first, carried = layer(x[:, :3], None, state)
    second, last = layer(x[:, 3:], None, carried)
    assert_same((torch.cat([first, second], dim=1), *last), (whole, *final))


def test_state_rows_can_be_reordered(layer):
    """What beam search does between two steps."""
    x, state = batch(layer)
    order = torch.tensor([2, 0, 0, 3])
    output, after = layer.step(x[:, 0], state)
    picked, picked_after = layer.step(x[order, 0], tuple(s.index_select(0, order) for s in state))
    assert_same((picked, *picked_after), [part[order] for part in (output, *after)])


def test_gradcheck(make):
    torch.manual_seed(0)
    layer = make(D, H).double()
    x, state = batch(layer, steps=3)

    def function(*_):
        outputs, final = layer(x, torch.tensor([3, 1, 2, 2]), state)
        return outputs, *floating(final)

    assert gradcheck(function, (x, *floating(state), *layer.parameters()), fast_mode=True)


def test_one_sequence_of_one_step(layer):
    x, state = batch(layer)
    for lengths in (None, torch.tensor([1])):
        one = tuple(part[:1] for part in state)
        outputs, final = layer(x[:1, :1], lengths, one)
        expected, expected_final = layer.step(x[:1, 0], one)
        assert_same((outputs[:, 0], *final), (expected, *expected_final))


def test_memory_layout_does_not_matter(layer):
    x, state = batch(layer)
    strided = x.detach().transpose(0, 1).contiguous().transpose(0, 1)
    turned = tuple(p.detach().transpose(0, -1).contiguous().transpose(0, -1) for p in state)
    assert not strided.is_contiguous()
    outputs, final = layer(x, LENGTHS, state)
    again, again_final = layer(strided, LENGTHS, turned)
    assert_same((again, *again_final), (outputs, *final))


def test_state_dict_round_trip(layer, make):
    twin = make(D, H).double()
    twin.load_state_dict(layer.state_dict())
    x, state = batch(layer)
    assert torch.equal(layer(x, LENGTHS, state)[0], twin(x, LENGTHS, state)[0])


def test_gates_cover_every_weight_once(layer):
    seen = {key: torch.zeros(len(value)) for key, value in layer.named_parameters()}
    for key, (parameter, rows) in layer.gates().items():
        assert key.split("/")[0] in {"input", "recurrent", "bias"}
        seen[parameter][rows] += 1
    assert all(
        bool((count == 1).all()) for key, count in seen.items() if not key.startswith("bias_ih")
    )
    assert "bias_ih_l0" not in {parameter for parameter, _ in layer.gates().values()}


def test_bf16_autocast_is_near_float32(make):
    torch.manual_seed(0)
    layer = make(D, H)
    x = torch.randn(B, T, D)
    for lengths in (None, LENGTHS):
        layer.zero_grad()
        expected, expected_final = layer(x, lengths)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            first, carried = layer(x[:, :3])
            second, _ = layer(x[:, 3:], None, carried)
            outputs, final = layer(x, lengths)
            only = layer.outputs(x, lengths)
        ours = (outputs, only, *final, torch.cat([first, second], dim=1))
        exact = (expected, expected, *expected_final, layer(x)[0])
        for one, other in zip(ours, exact, strict=True):
            torch.testing.assert_close(one.float(), other.float(), rtol=0, atol=0.03)
        outputs.float().sum().backward()
        assert all(p.grad is not None and p.grad.isfinite().all() for p in layer.parameters())
