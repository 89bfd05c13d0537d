"""Mixed precision leaves the recurrence alone: gradients at states are those of float32."""

import pytest
import torch
from torch.nn.utils import parameters_to_vector

from rnnlab.layers.gru import GRU
from rnnlab.layers.lstm import LSTM
from rnnlab.layers.precision import GradientScale
from rnnlab.layers.rnn import RNN
from rnnlab.layers.watch import StateGradients
from rnnlab.layers.weight_drop import dropped_weights
from rnnlab.runs.train import dtypes

LENGTHS = torch.tensor([400, 250])


@pytest.mark.parametrize(
    ("cell", "kernel"),
    [(LSTM, "fused"), (GRU, "fused"), (RNN, "bptt"), (GRU, "bptt"), (LSTM, "scan")],
)
def test_state_gradients_of_a_long_sequence_under_autocast(cell, kernel):
    torch.manual_seed(0)
    layer = cell(3, hidden_size=4, kernel=kernel)
    x = torch.randn(2, 400, 3)
    shown, made = [], []
    for mixed in (False, True):
        layer.zero_grad()
        with layer.watch(shown.append), torch.autocast("cpu", torch.bfloat16, enabled=mixed):
            outputs, _ = layer(x.bfloat16() if mixed else x.bfloat16().float(), LENGTHS)
        made.append(outputs)
        outputs.square().mean().mul(1e-3).backward()  # float16 would have zeros
    assert made[1].dtype == torch.float32
    assert torch.equal(*made)
    for one, two in zip(shown[0].norms(), shown[1].norms(), strict=True):
        assert two.dtype == torch.float32
        assert torch.equal(one, two)
        assert (two[0] > 0).all()


def test_outputs_alone_are_computed_in_float32_too():
    layer = LSTM(3, hidden_size=4)
    x = torch.randn(2, 6, 3)
    with torch.autocast("cpu", torch.bfloat16):
        outputs = layer.outputs(x)
    assert torch.equal(outputs, layer.outputs(x))


def test_a_run_says_in_which_dtype_it_computes():
    cells, cpu = [GRU(3, hidden_size=4)], torch.device("cpu")
    assert dtypes(cells, cpu, "bf16-mixed") == "GRU float32, all else bfloat16"
    assert dtypes(cells, cpu, "16-mixed") == "GRU float32, all else float16"
    assert dtypes(cells, cpu, "32-true") == "float32"
    lower = [RNN(3, hidden_size=4, precision="bf16"), LSTM(3, hidden_size=4, precision="fp16")]
    assert dtypes(lower, cpu, "32-true") == "RNN bfloat16, LSTM float16, all else float32"
    on_gpu = dtypes(cells, torch.device("cuda"), "bf16-mixed")
    assert on_gpu.endswith("TF32 on in kernels, off in products")


def native(name, monkeypatch):
    """The dtypes of what a kernel of torch is given."""
    seen, kernel = [], getattr(torch, name)

    def called(x, state, weights, **options):
        parts = [x, *(state if isinstance(state, list) else [state]), *weights]
        seen.append({part.dtype for part in parts})
        return kernel(x, state, weights, **options)

    monkeypatch.setattr(torch, name, called)
    return seen


@pytest.mark.parametrize("mixed", [False, True])
@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_a_layer_computes_in_its_own_precision(precision, mixed, monkeypatch):
    seen = native("lstm", monkeypatch)
    layer = LSTM(3, hidden_size=4, precision=precision)
    x = torch.randn(2, 6, 3, requires_grad=True)
    lengths = torch.tensor([6, 4])
    with torch.autocast("cpu", torch.bfloat16, enabled=mixed):
        outputs, state = layer(x, lengths)
        with layer.watch(lambda shown: None):
            watched = layer(x, lengths)[0]
        layer.outputs(x, lengths)
    watched.sum().backward()
    dtype = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[precision]
    assert seen == [{dtype}] * 3
    assert {part.dtype for part in (outputs, *state, x.grad)} == {torch.float32}
    assert layer.weight_hh_l0.dtype == layer.weight_hh_l0.grad.dtype == torch.float32


def passed(layer, scale, dropped=0.0):
    """Outputs, gradients of inputs, states and weights, and dL/dh_t, of a loss of some size."""
    torch.manual_seed(1)
    x = torch.randn(4, 30, 3, requires_grad=True)
    start = tuple(torch.randn(4, 8).mul_(0.5).requires_grad_() for _ in layer.initial_state(4, x))
    lengths, shown = torch.tensor([30, 12, 25, 30]), []
    layer.zero_grad()
    with layer.watch(shown.append), dropped_weights(layer, dropped):
        outputs, state = layer(x, lengths, start)
    loss = outputs.square().mean() + sum(part.sin().mean() for part in state)
    (loss * scale).backward()
    gradients = [x.grad, *(p.grad for p in start), *(p.grad for p in layer.parameters())]
    return outputs, *gradients, *shown[0].vectors(), *shown[0].norms()


WAYS = [(c, k) for c in (RNN, LSTM, GRU) for k in ("fused", "bptt", "scan")]


@pytest.mark.parametrize(("cell", "kernel"), WAYS)
@pytest.mark.parametrize(("precision", "error"), [("bf16", 0.03), ("fp16", 0.004)])
def test_lower_precision_is_nearly_float32(cell, kernel, precision, error):
    torch.manual_seed(0)
    exact = cell(3, hidden_size=8, kernel=kernel)
    lower = cell(3, hidden_size=8, kernel=kernel, precision=precision)
    lower.load_state_dict(exact.state_dict())
    scale = 1e-6 if precision == "fp16" else 1.0  # far below what float16 holds
    different = False
    for one, two in zip(passed(exact, scale, 0.2), passed(lower, scale, 0.2), strict=True):
        assert two.isfinite().all()
        assert torch.dist(one, two) < error * one.norm()
        different |= not torch.equal(one, two)
    assert different


def share_of_zeros(gradients):
    return float((gradients == 0).all(dim=2).double().mean())


def test_gradients_at_states_are_not_lost_in_float16():
    """Of a mean loss over 400 steps most of dL/dh_t is zero in float16, and none with a scale."""
    torch.manual_seed(0)
    layer = LSTM(3, hidden_size=4, precision="fp16")
    plain = LSTM(3, hidden_size=4).half()
    plain.load_state_dict(layer.state_dict())
    x, shown = torch.randn(2, 400, 3), []
    for one in (layer, plain):
        with one.watch(shown.append):
            outputs, _ = one(x.to(one.weight_hh_l0.dtype))
        outputs[:, -1].square().mean().mul(1e-6).backward()
    scaled, unscaled = (one.vectors()[0][:, -25:] for one in shown)
    assert share_of_zeros(unscaled) > 0.3
    assert share_of_zeros(scaled) == 0


@pytest.mark.parametrize("largest", [0.0, 1e-44, 1e-30, 3e-7, 1.0, 8191.0, 3e30, float("inf")])
@pytest.mark.parametrize("steps", [1, 1000, 2**17])
def test_the_scale_is_an_exact_power_of_two(largest, steps):
    scale = GradientScale(steps)
    gradient = torch.tensor([largest, -largest / 3, 0.0])
    scale.choose([gradient])
    inside = scale.multiplied(gradient)
    assert torch.equal(scale.divided(inside), gradient)
    if 1e-36 < largest < torch.inf:
        factor = float(inside[0]) / float(gradient[0])
        assert torch.frexp(torch.tensor(factor, dtype=torch.float64)).mantissa == 0.5
        assert float(inside[0]) * steps <= 2**15
        assert float(inside[0]) * steps >= min(steps, 2**13)
    shown = []
    scale.watcher(shown.append)(StateGradients((inside.half().view(1, 1, 3),)))
    assert shown[0].parts[0].dtype == torch.float32


def test_a_gradient_beyond_float16_is_seen_as_such():
    layer = RNN(3, hidden_size=4, precision="fp16", kernel="scan")
    with torch.no_grad():
        layer.weight_hh_l0.copy_(torch.eye(4) * 6e4)
        layer.weight_ih_l0.zero_(), layer.bias_ih_l0.zero_(), layer.bias_hh_l0.zero_()
    layer(torch.randn(1, 6, 3))[0][:, -1].sum().backward()
    assert not parameters_to_vector([p.grad for p in layer.parameters()]).isfinite().all()
