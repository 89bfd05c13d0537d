"""Fixed points: nets whose points are known, and derivatives that are computed another way."""

import math
from itertools import product

import pytest
import torch
from scipy.optimize import brentq
from torch import nn
from torch.func import jacrev

from rnnlab.commands.analyze.fixed_points import fixed_points, sentence
from rnnlab.layers.base import Layer
from rnnlab.layers.gru import GRU
from rnnlab.layers.lstm import LSTM
from rnnlab.layers.rnn import RNN


class Affine(Layer):
    """h' = W h + x, and a count of steps, which is no number of the state."""

    def __init__(self, weight):
        super().__init__()
        self.input_size = self.output_size = len(weight)
        self.weight = nn.Parameter(torch.tensor(weight, dtype=torch.float64))

    def initial_state(self, batch_size, like):
        count = torch.zeros(batch_size, dtype=torch.long)
        return like.new_zeros(batch_size, self.output_size), count

    def step(self, x, state):
        h = state[0] @ self.weight.T + x
        return h, (h, state[1] + 1)

    def gates(self):
        return {}


def traces(layer, scale=1.0, mean=0.0, sequences=8, steps=12):
    """What a layer read: inputs with exactly this mean, of sequences of several lengths."""
    torch.manual_seed(1)
    half = scale * torch.randn(sequences // 2, steps, layer.input_size)
    lengths = torch.arange(steps, steps - sequences // 2, -1).repeat(2)
    seen = []
    with layer.record(seen.append), torch.no_grad():
        x = torch.cat([half, -half]) + torch.tensor(mean)
        layer(x.to(next(layer.parameters()).dtype), lengths)
    return seen


def scaled_tanh(*weights):
    """Units by themselves, h' = tanh(w h + x)."""
    layer = RNN(len(weights), hidden_size=len(weights))
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.zero_()
        layer.weight_hh_l0.copy_(torch.diag(torch.tensor(weights)))
        layer.weight_ih_l0.copy_(torch.eye(len(weights)))
    return layer


def test_units_that_latch():
    """h = tanh(2 h) has the solutions 0 and +-h*; two such units have nine, four of them stable."""
    h = brentq(lambda value: math.tanh(2 * value) - value, 0.5, 1)
    slope = 2 * (1 - h**2)
    layer = scaled_tanh(2.0, 2.0)
    found = fixed_points(layer, traces(layer), seed=3)
    assert found.starts == 32
    stable, unstable = found.of_kind("stable"), found.of_kind("unstable")
    expected = {(a, b) for a, b in product((-h, h), repeat=2)}
    assert {near(point, expected) for point in stable} == expected
    assert len(stable) == 4
    for point in stable:
        assert point.radius == pytest.approx(slope, abs=1e-7)
        assert point.half_life == pytest.approx(math.log(2) / -math.log(slope), rel=1e-6)
    assert sum(point.attracted for point in stable) == 32
    assert found.restless == 0
    between = {(a, b) for a, b in product((-h, 0.0, h), repeat=2)} - expected
    assert unstable
    for point in unstable:
        near(point, between)
        assert (point.radius, point.attracted) == (pytest.approx(2), 0)
    text = sentence("encoder.0", found)
    assert "has 4 stable fixed points" in text
    assert "a deviation doubles in 1 steps" in text


def near(point, expected):
    """Which of the expected points this is."""
    (one,) = [each for each in expected if math.dist(point.state.tolist(), each) < 1e-7]
    return one


def test_the_mean_input_is_what_it_reads():
    """h' = W h + x rests at (1 - W)^-1 mean(x)."""
    weight = [[0.5, 0.2], [0.0, -0.8]]
    layer = Affine(weight)
    found = fixed_points(layer, traces(layer, mean=0.3))
    (point,) = found.points
    where = torch.linalg.solve(torch.eye(2) - torch.tensor(weight), torch.full((2,), 0.3))
    torch.testing.assert_close(point.state.float(), where)
    assert (point.kind, point.attracted) == ("stable", 32)
    assert point.radius == pytest.approx(0.8)
    assert "where all 32 states of the data end: it forgets what it read." in sentence("a", found)


@pytest.mark.parametrize(
    ("weight", "kind", "words"),
    [
        ([[1.2]], "unstable", "no stable fixed point; 1 unstable one besides (radius 1.2"),
        ([[0.0, -1.0], [1.0, 0.0]], "neutral", "radius 1, a deviation stays as it is"),
    ],
)
def test_growth_and_rotation(weight, kind, words):
    layer = Affine(weight)
    found = fixed_points(layer, traces(layer))
    (point,) = found.points
    assert point.kind == kind
    assert point.state.norm() < 1e-6
    assert (found.unbounded, found.restless) == ((32, 32) if kind == "unstable" else (0, 0))
    assert words in sentence("a", found)
    assert ("32 grow without end" in sentence("a", found)) == (kind == "unstable")


def test_a_cycle_has_no_rest():
    """A turn by a quarter that tanh keeps from growing: from everywhere a cycle of four."""
    layer = scaled_tanh(0.0, 0.0)
    with torch.no_grad():
        layer.weight_hh_l0.copy_(torch.tensor([[0.0, -2.0], [2.0, 0.0]]))
    found = fixed_points(layer, traces(layer))
    assert [point.kind for point in found.points] == ["unstable"]
    assert found.restless == 32
    assert "32 of 32 keep moving, in a cycle or in chaos." in sentence("a", found)


def test_a_state_that_is_kept_rests_everywhere():
    layer = Affine([[1.0]])
    found = fixed_points(layer, traces(layer), starts=8)
    assert len(found.points) > 4
    assert {point.kind for point in found.points} == {"neutral"}


@pytest.mark.parametrize("cell", [RNN, GRU, LSTM])
def test_against_dense_jacobians(cell):
    """Of any layer: a step leaves the state where it is, and the radius is that of jacrev."""
    torch.manual_seed(2)
    layer = cell(3, hidden_size=6)
    with torch.no_grad():
        for name, parameter in layer.named_parameters():
            parameter.mul_(3.0 if name.startswith("weight_hh") else 1.0)
    seen = traces(layer)
    found = fixed_points(layer, seen, starts=12)
    assert found.points
    mean = torch.cat([trace.inputs[trace.valid] for trace in seen]).double().mean(0)
    double = layer.double()
    parts = len(layer.initial_state(1, mean))

    def step(flat):
        _, after = double.step(mean[None], tuple(part[None] for part in flat.chunk(parts)))
        return torch.cat([part[0] for part in after])

    for point in found.points:
        torch.testing.assert_close(step(point.state), point.state, atol=1e-8, rtol=1e-8)
        radius = torch.linalg.eigvals(jacrev(step)(point.state).detach()).abs().max()
        assert point.radius == pytest.approx(float(radius))
        assert (point.attracted > 0) <= (point.radius < 1)
    attracted = sum(point.attracted for point in found.points)
    assert attracted + found.restless == found.starts == 12


def test_the_layer_is_left_as_it_is():
    layer = GRU(2, hidden_size=3)
    before = {name: value.clone() for name, value in layer.state_dict().items()}
    one, two = (fixed_points(layer, traces(layer), starts=4, seed=5) for _ in range(2))
    assert all(torch.equal(layer.state_dict()[name], value) for name, value in before.items())
    assert [p.state.tolist() for p in one.points] == [p.state.tolist() for p in two.points]
