"""`rnnlab.lyapunov`: of torch's modules as of the layers they are made of."""

import pytest
import torch
from torch import nn

import rnnlab
from rnnlab.commands.analyze.lyapunov import lyapunov
from rnnlab.errors import ConfigError
from rnnlab.layers.attention import SelfAttention
from rnnlab.layers.gru import GRU
from rnnlab.layers.lstm import LSTM


def test_a_module_of_torch_has_the_exponents_of_its_layers():
    torch.manual_seed(0)
    module = nn.LSTM(2, 3, num_layers=2, bidirectional=True)
    x = torch.randn(40, 3, 2)
    own = LSTM(6, hidden_size=3)
    state = module.state_dict()
    own.load_state_dict({n: state[n.replace("l0", "l1") + "_reverse"] for n in own.state_dict()})
    first = nn.LSTM(2, 3, bidirectional=True)
    first.load_state_dict({n: v for n, v in state.items() if "l0" in n})
    read = first(x)[0].detach().flip(0)
    expected = lyapunov(own, read, k=6, transient=4)
    found = rnnlab.lyapunov(module, x, name="1.backward", transient=4)
    torch.testing.assert_close(found.values, expected.values, rtol=1e-5, atol=1e-5)
    assert (found.streams, found.steps) == (3, 36)
    assert len(found.values) == 6
    again = rnnlab.lyapunov(own, read.transpose(0, 1), k=6, transient=4)
    torch.testing.assert_close(again.values, expected.values)


@pytest.mark.parametrize(
    ("layer", "options", "message"),
    [
        (nn.GRU(2, 3, num_layers=2), {}, "name: None is none of 0, 1"),
        (nn.GRU(2, 3), {"name": "1"}, "name: 1 is none of 0"),
        (GRU(2, hidden_size=3), {"name": "0"}, "name: this is one layer"),
        (nn.Linear(2, 3), {}, "layer: Linear is no recurrent layer"),
        (SelfAttention(2, hidden_size=4, num_heads=2), {}, "layer: SelfAttention has no state"),
        (nn.GRU(2, 3), {"k": 4}, "lyapunov: k = 4 is not between 1 and the size 3"),
        (nn.GRU(2, 3), {"transient": 99}, "lyapunov: 10 steps, 100 of them transient"),
    ],
)
def test_what_has_no_exponents_is_refused(layer, options, message):
    with pytest.raises(ConfigError) as raised:
        rnnlab.lyapunov(layer, torch.randn(10, 10, 2), **options)
    assert str(raised.value).startswith(message)
