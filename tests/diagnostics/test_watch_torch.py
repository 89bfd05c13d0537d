"""`rnnlab.watch` of torch's own modules: their results, and the exact gradient at every state."""

import copy
from itertools import product

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

import rnnlab
from rnnlab.errors import ConfigError
from rnnlab.layers.lstm import LSTM

B, T, D, H = 4, 6, 3, 5
LENGTHS = torch.tensor([2, 6, 1, 5])
KINDS = {
    "rnn": nn.RNN,
    "relu": lambda *sizes, **options: nn.RNN(*sizes, nonlinearity="relu", **options),
    "lstm": nn.LSTM,
    "gru": nn.GRU,
}
SHAPES = [
    {"batch_first": True},
    {"num_layers": 2, "bidirectional": True, "dropout": 0.4},
    {"num_layers": 3, "bias": False, "dropout": 0.4, "batch_first": True},
    {"bidirectional": True, "bias": False},
]
READS = ("padded", "packed", "sorted", "single")


def parts(state):
    return state if isinstance(state, tuple) else (state,)


def given(module, read):
    """What a module reads, and a state to start from."""
    count = module.num_layers * (2 if module.bidirectional else 1)
    batch = () if read == "single" else (B,)
    state = tuple(torch.randn(count, *batch, H).requires_grad_() for _ in range(2))
    hx = state if isinstance(module, nn.LSTM) else state[0]
    if read == "single":
        return torch.randn(T, D), hx
    x = torch.randn(*((B, T) if module.batch_first else (T, B)), D)
    if read == "padded":
        return x, hx
    lengths = LENGTHS.sort(descending=True)[0] if read == "sorted" else LENGTHS
    packed = pack_padded_sequence(
        x, lengths, batch_first=module.batch_first, enforce_sorted=read == "sorted"
    )
    return packed, hx


def flat(result):
    outputs, state = result
    data = outputs.data if isinstance(outputs, nn.utils.rnn.PackedSequence) else outputs
    return [data, *parts(state)]


@pytest.fixture(autouse=True)
def doubles():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", SHAPES)
def test_results_and_parameter_gradients_are_those_of_torch(kind, shape):
    torch.manual_seed(0)
    module = KINDS[kind](D, H, **shape)
    for read, started in product(READS, (True, False)):
        x, hx = given(module, read)
        hx = hx if started else None
        seen = []
        for context in (None, rnnlab.watch(module)):
            module.zero_grad()
            torch.manual_seed(3)  # dropout
            if context is None:
                result = module(x, hx)
            else:
                with context:
                    result = module(x, hx)
            sum(part.square().sum() for part in flat(result)).backward()
            seen.append([*flat(result), *(each.grad.clone() for each in module.parameters())])
            if isinstance(result[0], nn.utils.rnn.PackedSequence):
                for mine, theirs in zip(result[0][1:], x[1:], strict=True):
                    assert mine is theirs or torch.equal(mine, theirs)
            elif not module.batch_first:
                result[0].view(-1)  # users do, of torch's
        for mine, theirs in zip(*seen, strict=True):
            assert mine.shape == theirs.shape
            torch.testing.assert_close(mine, theirs, rtol=1e-9, atol=1e-11)


def step(module, x, state, suffix):
    """One step by the equations of torch's documentation."""
    w_ih, w_hh, b_ih, b_hh = (
        getattr(module, f"{name}_{suffix}")
        for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    )
    total, recurrent = x @ w_ih.T + b_ih, state[0] @ w_hh.T + b_hh
    if isinstance(module, nn.RNN):
        return ((total + recurrent).tanh(),)
    if isinstance(module, nn.LSTM):
        i, f, g, o = (total + recurrent).chunk(4, -1)
        cell = f.sigmoid() * state[1] + i.sigmoid() * g.tanh()
        return o.sigmoid() * cell.tanh(), cell
    r, z = (total + recurrent).chunk(3, -1)[:2]
    new = (total.chunk(3, -1)[2] + r.sigmoid() * recurrent.chunk(3, -1)[2]).tanh()
    return ((1 - z.sigmoid()) * new + z.sigmoid() * state[0],)


def unrolled(module, x, lengths):
    """States of each row, layer and direction, in the order of reading; the outputs at each end."""
    states, ends = [], []
    for row, length in enumerate(lengths):
        inputs, kept = list(x[row, :length]), {}
        for depth in range(module.num_layers):
            outputs = []
            for direction, way in enumerate(("forward", "backward")):
                suffix = f"l{depth}" + "_reverse" * direction
                now = tuple(torch.zeros(H) for _ in range(2))
                run = []
                for each in inputs[::-1] if direction else inputs:
                    now = step(module, each, now, suffix)
                    run.append(now)
                kept[f"{depth}.{way}"] = run
                outputs.append([each[0] for each in (run[::-1] if direction else run)])
            inputs = [torch.cat(pair) for pair in zip(*outputs, strict=True)]
        states.append(kept)
        ends.append(inputs[-1])
    return states, torch.stack(ends)


@pytest.mark.parametrize("kind", ["rnn", "lstm", "gru"])
def test_gradients_are_those_of_autograd_on_a_loop_by_hand(kind):
    torch.manual_seed(0)
    module = KINDS[kind](D, H, num_layers=2, bidirectional=True, batch_first=True)
    x, weights = torch.randn(B, T, D), torch.randn(B, 2 * H)
    packed = pack_padded_sequence(x, LENGTHS, batch_first=True, enforce_sorted=False)
    with rnnlab.watch(module, vectors=True) as flow:
        outputs = pad_packed_sequence(module(packed)[0], batch_first=True)[0]
        ends = outputs[torch.arange(B), LENGTHS - 1]
        (ends * weights).sum().square().backward()
    states, slow = unrolled(module, x, LENGTHS)
    loss = (slow * weights).sum().square()
    for row, kept in enumerate(states):
        for name, run in kept.items():
            for part in range(len(run[0])):
                exact = torch.autograd.grad(
                    loss, [now[part] for now in run], retain_graph=True, materialize_grads=True
                )
                shown = flow[name + "/cell" * part]
                found = shown.vectors[row, : len(run)]
                torch.testing.assert_close(found, torch.stack(exact), rtol=1e-9, atol=1e-12)
                assert not shown.norms[row, len(run) :].any()
                torch.testing.assert_close(shown.norms, shown.vectors.norm(dim=2))
    some = flow["0.forward"]
    torch.testing.assert_close(some.norm, some.vectors.norm(dim=(0, 2)))


class Model(nn.Module):
    """A classifier as people write it."""

    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(D, H, num_layers=2, batch_first=True)
        self.mine = LSTM(H, hidden_size=H)
        self.head = nn.Linear(H, 2)

    def forward(self, x):
        return self.head(self.mine.outputs(self.lstm(x)[0])[:, -1])


def test_an_optimiser_and_hooks_go_on_working_and_nothing_is_left_behind():
    torch.manual_seed(0)
    models = [Model()]
    models.append(copy.deepcopy(models[0]))
    calls = []
    models[1].lstm.register_forward_hook(lambda *_: calls.append(1))
    before = {name: id(p) for name, p in models[1].named_parameters()}
    x, y = torch.randn(8, 9, D), torch.randint(0, 2, (8,))
    for model, watched in zip(models, (False, True), strict=True):
        optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
        for _ in range(5):
            optimizer.zero_grad()
            with rnnlab.watch(model, keep=3) if watched else torch.enable_grad() as flow:
                nn.functional.cross_entropy(model(x), y).backward()
            optimizer.step()
    assert sorted(flow) == [
        *("lstm.0", "lstm.0/cell", "lstm.1", "lstm.1/cell", "mine", "mine/cell")
    ]
    assert len(calls) == 5
    assert before == {name: id(p) for name, p in models[1].named_parameters()}
    for name, value in models[0].state_dict().items():
        torch.testing.assert_close(models[1].state_dict()[name], value)
    assert models[0].state_dict().keys() == models[1].state_dict().keys()
    assert "forward" not in vars(models[1].lstm)
    assert "lstm.1/cell" in str(flow)
    assert len(flow.figure().axes[0].lines) == 6


def test_an_error_inside_restores_and_contexts_nest():
    model = Model()
    outer = rnnlab.watch(model, keep=2)

    def work():
        for _ in range(3):
            model(torch.randn(2, 4, D)).sum().backward()
        raise ZeroDivisionError

    with outer as first, pytest.raises(ZeroDivisionError), rnnlab.watch(model) as second:
        work()
    assert [len(flow["lstm.0"].passes) for flow in (first, second)] == [2, 3]
    assert "forward" not in vars(model.lstm)
    model(torch.randn(2, 4, D)).sum().backward()
    assert len(first["lstm.0"].passes) == 2  # seen no more
    first.clear()
    assert str(first) == "no backward pass was seen"


def test_weights_that_are_computed_and_second_derivatives():
    torch.manual_seed(0)
    module = nn.utils.parametrizations.weight_norm(nn.GRU(D, H), "weight_hh_l0")
    x = torch.randn(T, B, D, requires_grad=True)
    expected = torch.autograd.grad(module(x)[0].sum(), x, create_graph=True)[0]
    with rnnlab.watch(module, kernel="scan") as flow:
        found = torch.autograd.grad(module(x)[0].sum(), x, create_graph=True)[0]
    torch.testing.assert_close(found, expected)
    assert flow["0"].norms.shape == (B, T)
    found.square().sum().backward()


class Own(nn.LSTM):
    """A module with a forward of its own."""

    def forward(self, x):
        return super().forward(x)[0]


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (nn.LSTM(D, H, proj_size=2), "LSTM: proj_size=2 is not supported; only 0 is"),
        (Own(D, H), "Own: a forward method of its own cannot be converted"),
        (nn.LSTMCell(D, H), "watch: LSTMCell has no nn.RNN"),
    ],
)
def test_what_cannot_be_watched_is_refused_in_one_line(module, message):
    fine = nn.GRU(D, H)
    both = nn.ModuleList([fine, module]) if not isinstance(module, nn.LSTMCell) else module
    with pytest.raises(ConfigError) as raised, rnnlab.watch(both):
        pass
    assert str(raised.value).startswith(message)
    assert "\n" not in str(raised.value)
    assert "forward" not in vars(fine)


def test_shapes_that_torch_refuses_are_refused_with_its_message():
    module = nn.LSTM(D, H)
    for x in (torch.randn(T, B, D + 1), torch.randn(1, T, B, D)):
        with pytest.raises((RuntimeError, ValueError)), rnnlab.watch(module):
            module(x)
    with pytest.raises(RuntimeError, match="Expected hidden"), rnnlab.watch(module):
        module(torch.randn(T, B, D), (torch.zeros(1, B, H + 1), torch.zeros(1, B, H)))
