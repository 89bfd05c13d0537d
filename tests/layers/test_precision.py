"""Mixed precision leaves the recurrence alone: gradients at states are those of float32."""

import pytest
import torch

from rnnlab.layers.gru import GRU
from rnnlab.layers.lstm import LSTM
from rnnlab.layers.rnn import RNN
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
    on_gpu = dtypes(cells, torch.device("cuda"), "bf16-mixed")
    assert on_gpu.endswith("TF32 on in kernels, off in products")
