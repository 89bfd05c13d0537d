"""Encoders as ONNX: traced with one shape, right for every other, with every cell that there is."""

import jaxtyping
import onnxruntime
import pytest
import torch

from models import Words
from rnnlab.commands.export.formats import write_onnx
from rnnlab.config.compose import compose_words
from rnnlab.config.files import choices
from rnnlab.config.trust import factory, make
from rnnlab.data.batch import Batch
from rnnlab.tasks.graphs import encoder_graph

SHAPES = [(1, 1), (7, 17), (2, 200), (1, 3)]


def answers(encoded):
    return {"outputs": encoded.outputs, "final": encoded.final}


def batch(size, steps):
    lengths = torch.randint(1, steps + 1, (size,))
    lengths[0] = steps
    return Batch(torch.randint(1, 8, (size, steps)), lengths, target=lengths.new_zeros(0))


PAIRS = [
    *(
        (f"cell={cell}", "encoder=recurrent", "encoder.bidirectional=true")
        for cell in choices("cell")
    ),
    *((f"encoder={encoder}",) for encoder in choices("encoder")),
    ("encoder=blocks", "cell=attention", "encoder.bidirectional=false", "encoder.num_layers=2"),
    ("cell=attention", "cell.window=3", "cell.positions=sinusoidal"),
    ("cell=attention", "cell.positions=learned"),
    ("cell=rnn", "cell.nonlinearity=relu", "encoder.num_layers=2"),
]


@pytest.mark.programs
@pytest.mark.parametrize("words", PAIRS, ids=" ".join)
def test_any_shape(words, tmp_path):
    cfg = compose_words("train", ["task=sentiment", *words]).cfg
    torch.manual_seed(0)
    cell = factory({**cfg["cell"], "hidden_size": 8}, [])
    encoder = make(cfg["encoder"], [], Words(8, 3), cell).eval()
    for parameter in encoder.parameters():  # not as they start: biases too
        torch.nn.init.normal_(parameter, std=0.4)
    jaxtyping.config.update("jaxtyping_disable", True)
    try:
        graph = encoder_graph("model", encoder, torch.nn.Identity(), answers, batch(3, 5))
        path = write_onnx(graph, tmp_path)
    finally:
        jaxtyping.config.update("jaxtyping_disable", False)
    session = onnxruntime.InferenceSession(path)
    names = {each.name for each in session.get_inputs()}
    for size, steps in SHAPES:
        one = batch(size, steps)
        with torch.no_grad():
            wanted = answers(encoder(one.inputs, one.lengths))
        feeds = {"inputs": one.inputs.numpy(), "lengths": one.lengths.numpy()}
        got = session.run(["outputs", "final"], {n: v for n, v in feeds.items() if n in names})
        for found, tensor in zip(got, wanted.values(), strict=True):
            torch.testing.assert_close(torch.from_numpy(found), tensor, rtol=1e-5, atol=1e-5)
