"""Lyapunov exponents: known answers, and products of dense Jacobians."""

import math

import pytest
import torch
from scipy import stats
from torch import nn
from torch.func import jacrev

from rnnlab.commands.analyze.lyapunov import QR_EVERY, lyapunov
from rnnlab.commands.student import student_quantile
from rnnlab.layers.base import Layer
from rnnlab.layers.gru import GRU
from rnnlab.layers.lstm import LSTM
from rnnlab.layers.rnn import RNN


class Linear(Layer):
    """h' = W h + x."""

    def __init__(self, weight):
        super().__init__()
        self.input_size = self.output_size = len(weight)
        self.weight = nn.Parameter(weight)

    def initial_state(self, batch_size, like):
        return (like.new_zeros(batch_size, self.output_size),)

    def step(self, x, state):
        h = state[0] @ self.weight.T + x
        return h, (h,)

    def gates(self):
        return {}


class Scaled(Linear):
    """h' = x h: the Jacobian is the input."""

    def step(self, x, state):
        h = x * state[0]
        return h, (h,)


class Odd(Linear):
    """A state of a matrix, a count of steps and a vector."""

    def initial_state(self, batch_size, like):
        size = self.output_size
        count = torch.zeros(batch_size, dtype=torch.long, device=like.device)
        return like.new_zeros(batch_size, 2, size), count, like.new_zeros(batch_size, size)

    def step(self, x, state):
        pair, count, h = state
        new = torch.tanh(h @ self.weight.T + pair.sum(1) + x)
        kept = torch.stack([pair[:, 1], 0.5 * new], dim=1)
        return new, (kept, count + 1, new)


def orthogonal(size):
    return nn.init.orthogonal_(torch.empty(size, size, dtype=torch.float64))


def inputs(steps=24, streams=3, size=4):
    torch.manual_seed(1)
    return torch.randn(steps, streams, size, dtype=torch.float64)


@pytest.mark.parametrize(
    ("rho", "verdict"), [(0.9, "contracting"), (1.0, "edge"), (1.1, "expanding")]
)
def test_scaled_orthogonal_matrix(rho, verdict):
    torch.manual_seed(0)
    found = lyapunov(Linear(rho * orthogonal(6)), inputs(100, 2, 6), k=6)
    torch.testing.assert_close(found.values, torch.full((6,), math.log(rho)).double())
    assert found.verdict == verdict
    if rho != 1.0:
        assert found.half_life == pytest.approx(math.log(2) / abs(math.log(rho)))


@pytest.mark.parametrize("rho", [0.9, 1.1])
def test_plain_layer_at_rest(rho):
    torch.manual_seed(0)
    layer = RNN(3, hidden_size=5, init="torch").double()
    with torch.no_grad():
        layer.weight_hh_l0.copy_(rho * orthogonal(5))
        layer.bias_ih_l0.zero_()
        layer.bias_hh_l0.zero_()
    found = lyapunov(layer, torch.zeros(50, 2, 3), k=5)
    torch.testing.assert_close(found.values, torch.full((5,), math.log(rho)).double())


def test_exponents_of_a_symmetric_matrix_are_those_of_its_eigenvalues():
    torch.manual_seed(0)
    basis = orthogonal(4)
    eigenvalues = torch.tensor([1.3, 0.9, -0.5, 0.2], dtype=torch.float64)
    layer = Linear(basis @ eigenvalues.diag() @ basis.T)
    found = lyapunov(layer, inputs(400, 1), k=3, transient=100)
    torch.testing.assert_close(found.values, eigenvalues[:3].abs().log())
    assert found.errors is None


def test_memory_of_an_lstm_is_in_its_cell_state():
    """f = 0.9, no recurrent weights: c shrinks by 0.9 a step, and h alone would forget at once."""
    layer = LSTM(3, hidden_size=5).double()
    with torch.no_grad():
        layer.weight_hh_l0.zero_()
        layer.weight_ih_l0[layer.rows("forget")] = 0.0
        layer.bias_ih_l0[layer.rows("forget")] = math.log(9.0)
    found = lyapunov(layer, inputs(60, 2, 3), k=10, transient=8)
    expected = torch.full((5,), math.log(0.9)).double()
    # the share of h in a change comes and goes with the output gate: a term in 1 / steps
    torch.testing.assert_close(found.values[:5], expected, rtol=0, atol=3e-3)
    assert found.size == 10
    assert found.values[5:].isneginf().all()


def test_gates_that_hold_everything_are_at_the_edge():
    layer = GRU(3, hidden_size=5, update_bias=1e4)
    found = lyapunov(layer, inputs(40, 2, 3), k=5)
    torch.testing.assert_close(found.values, torch.zeros(5).double())
    assert found.verdict == "edge"
    assert found.half_life > 1e6


def test_a_layer_that_forgets_at_once():
    found = lyapunov(Linear(torch.zeros(4, 4)), inputs(), k=2)
    assert found.values.isneginf().all()
    assert found.verdict == "contracting"
    assert found.half_life == 0
    assert found.errors.tolist() == [0, 0]


def dense(layer, x, starts, k, seed=1):
    """The same by whole Jacobians, multiplied out, of each stream alone."""
    layer = layer.double()
    steps, streams = x.shape[:2]

    def parts(vector):
        state, position = [], 0
        for part in layer.initial_state(1, x):
            if part.is_floating_point():
                state.append(vector[position : position + part.numel()].view(part.shape))
                position += part.numel()
            else:
                state.append(part)
        return tuple(state)

    def flat(state):
        return torch.cat([p.flatten() for p in state if p.is_floating_point()])

    start = flat(layer.initial_state(1, x))
    generator = torch.Generator().manual_seed(seed)
    first = torch.randn(streams, len(start), k, generator=generator, dtype=torch.float64)
    result = []
    for s in range(streams):
        product = torch.linalg.qr(first[s]).Q
        state = start
        for t in range(steps):
            state = start if starts[t, s] else state

            def step(vector, row=x[t, s : s + 1]):
                return flat(layer.step(row, parts(vector))[1])

            product = jacrev(step)(state).detach() @ product
            state = step(state).detach()
        result.append(torch.linalg.qr(product).R.diagonal().abs().log() / steps)
    return torch.stack(result).mean(0).sort(descending=True).values


def random_layers():
    torch.manual_seed(3)
    for cell in (RNN, GRU, LSTM):
        layer = cell(4, hidden_size=3, init="torch")
        with torch.no_grad():
            for parameter in layer.parameters():
                parameter.add_(0.3 * torch.randn_like(parameter))
        yield layer
    yield Odd(torch.randn(4, 4))


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("layer", list(random_layers()), ids=lambda layer: type(layer).__name__)
def test_against_the_product_of_dense_jacobians(layer, restart):
    x = inputs(steps=2 * QR_EVERY + 1)
    starts = torch.zeros(len(x), 3, dtype=torch.bool)
    starts[0] = True
    starts[4, 1] = starts[6, 0] = starts[7, 2] = restart
    before = {name: value.clone() for name, value in layer.state_dict().items()}
    found = lyapunov(layer, x, starts if restart else None, k=3)
    for name, value in layer.state_dict().items():
        assert torch.equal(value, before[name])
        assert value.dtype == before[name].dtype
    torch.testing.assert_close(found.values, dense(layer, x, starts, k=3), rtol=1e-8, atol=1e-10)
    again = lyapunov(layer, x, starts if restart else None, k=3)
    assert torch.equal(found.values, again.values)


def test_all_exponents_add_up_to_the_determinant():
    torch.manual_seed(2)
    weight = torch.randn(4, 4, dtype=torch.float64)
    found = lyapunov(Linear(weight), inputs(40), k=4)
    assert float(found.values.sum()) == pytest.approx(float(torch.linalg.slogdet(weight)[1]))


def test_errors_come_from_the_differences_between_streams():
    x = torch.tensor([0.5, 1.0, 4.0], dtype=torch.float64).view(1, 3, 1).expand(12, 3, 2)
    found = lyapunov(Scaled(torch.zeros(2, 2)), x, k=1, transient=3)
    each = [math.log(0.5), 0.0, math.log(4.0)]
    mean = sum(each) / 3
    spread = math.sqrt(sum((e - mean) ** 2 for e in each) / 2 / 3)
    assert found.first == pytest.approx(mean)
    # two degrees of freedom: t / sqrt(2 + t^2) = 0.6827 at t = 1.321, and 0.9545 at t = 4.527
    assert found.first_error == pytest.approx(1.3213 * spread, rel=1e-4)
    assert found.tolerance == pytest.approx(4.5265 * spread, rel=1e-4)
    assert found.verdict == "edge"  # not told from 0
    assert (found.steps, found.streams) == (8, 3)


@pytest.mark.parametrize("freedom", [1, 2, 3, 4, 7, 15, 40])
def test_quantiles_of_students_distribution(freedom):
    for share in (0.1, 0.6827, 0.9545, 0.999):
        expected = stats.t.ppf((1 + share) / 2, freedom)
        assert student_quantile(freedom, share) == pytest.approx(expected, rel=1e-9)


def test_an_error_holds_the_exponent_in_68_of_100_cases():
    """Also where there are three streams: the plain error of the mean would in 58."""
    torch.manual_seed(0)
    inside = 0
    for _ in range(400):
        x = torch.randn(4, 3, 1, dtype=torch.float64).exp().expand(4, 3, 1)[:1].expand(8, 3, 1)
        found = lyapunov(Scaled(torch.zeros(1, 1)), x, k=1)
        inside += abs(found.first) <= found.first_error  # the mean logarithm is 0
    assert 0.62 < inside / 400 < 0.745


def test_the_transient_is_left_out():
    x = torch.ones(40, 1, 1, dtype=torch.float64)
    x[:8] = 100.0
    found = lyapunov(Scaled(torch.zeros(1, 1)), x, k=1, transient=5)
    assert found.first == pytest.approx(0.0)
    assert found.steps == 32


@pytest.mark.parametrize("k", [0, 5])
def test_impossible_numbers_of_exponents(k):
    with pytest.raises(ValueError, match=f"k = {k} is not between 1 and the size 4"):
        lyapunov(Linear(torch.eye(4)), inputs(), k=k)


def test_a_transient_that_leaves_nothing():
    with pytest.raises(ValueError, match="none is left"):
        lyapunov(Linear(torch.eye(4)), inputs(24), k=1, transient=21)
