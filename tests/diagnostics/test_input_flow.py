"""`InputFlow`: the gradients at the inputs against autograd, and what a run leaves of them."""

from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

import tiny
from models import CELLS, SHAPES, TASKS, WORDS, Words, batch_of, translate
from rnnlab.data.batch import Batch
from rnnlab.data.spec import Spec
from rnnlab.data.vocab import Vocab
from rnnlab.diagnostics.input_flow import input_norms, watch_inputs
from rnnlab.diagnostics.naming import reading_layers
from rnnlab.layers.attention import SelfAttention
from rnnlab.layers.gru import GRU
from rnnlab.layers.lstm import LSTM
from rnnlab.nn.blocks import BlockEncoder
from rnnlab.nn.bow import BagOfWords
from rnnlab.nn.embedding import Features
from rnnlab.nn.feedforward import FeedForwardEncoder
from rnnlab.nn.recurrent import RecurrentEncoder
from rnnlab.tasks.classify import Classify
from runs import small_run


def kept_inputs(layer, kept):
    """Make a layer read copies that are kept; one that has steps takes them one by one."""
    plain = layer.scan if getattr(layer, "fixed_size_state", False) else None

    def copy(x):
        x = x if x.requires_grad else x.clone().requires_grad_()
        kept.append(x * 1)
        return kept[-1]

    if plain is None:
        outputs = layer.outputs
        layer.outputs = lambda x, lengths=None: outputs(copy(x), lengths)
        return
    layer.forward = lambda x, lengths=None, state=None: plain(copy(x), lengths, state)
    layer.outputs = lambda x, lengths=None: layer.forward(x, lengths)[0]


def check(model, batch):
    """All curves of a model against autograd's gradients; returns the norms by layer."""

    def loss():
        encoded = model["encoder"](batch.inputs, batch.lengths)
        return model["task"].loss(encoded, batch)

    plain, seen = loss(), {}
    with watch_inputs(model, seen):
        watched = loss()
    assert torch.equal(plain, watched)
    watched.backward()
    norms = input_norms(seen)
    layers = reading_layers(model)
    kept = {name: [] for name in layers}
    for name, layer in layers.items():
        kept_inputs(layer, kept[name])
    names = [name for name in layers if name in norms]
    exact = loss()
    torch.testing.assert_close(watched, exact, rtol=1e-10, atol=1e-10)
    inputs = [x for name in names for x in kept[name]]
    gradients = iter(torch.autograd.grad(exact, inputs))
    for name in names:
        for found in norms[name]:
            expected = next(gradients).norm(dim=2)
            assert found.dtype == torch.float64
            torch.testing.assert_close(found, expected, rtol=1e-8, atol=1e-12)
    return norms


PAIRWISE = [
    (cell, task, ("fused", "bptt", "scan")[(i + j) % 3], (i + j) % 2 == 0)
    for i, cell in enumerate(CELLS)
    for j, task in enumerate(TASKS)
]


@pytest.mark.parametrize(("cell", "task", "kernel", "bidirectional"), PAIRWISE)
def test_every_layer_against_autograd(cell, task, kernel, bidirectional):
    for depth, lengths in zip([1, 2, 3, 2, 1], SHAPES.values(), strict=True):
        torch.manual_seed(0)
        make = partial(CELLS[cell], hidden_size=4, kernel=kernel)
        encoder = RecurrentEncoder(
            Words(len(WORDS), 3), make, num_layers=depth, bidirectional=bidirectional
        )
        model = nn.ModuleDict({"encoder": encoder, "task": TASKS[task](encoder)}).double()
        norms = check(model, batch_of(lengths, task))
        decoders = 2 if task in ("attention", "bottleneck") else 0
        assert len(norms) == depth * (2 if bidirectional else 1) + decoders
        first = norms["encoder.0.backward" if bidirectional else "encoder.0"][0]
        for row, length in enumerate(lengths):
            assert first[row, :length].any()  # behind the largest values nothing is felt
            assert not first[row, length:].any()


@pytest.mark.parametrize(
    ("cell", "both"), [(SelfAttention, False), (SelfAttention, True), (LSTM, True), (GRU, False)]
)
def test_blocks(cell, both):
    """The gradient that comes through each block's mixer, not what goes around it."""
    torch.manual_seed(0)
    encoder = BlockEncoder(
        Words(len(WORDS), 3),
        partial(cell, hidden_size=4) if cell is not SelfAttention else attention,
        num_layers=2,
        model_size=4,
        bidirectional=both,
    )
    model = nn.ModuleDict({"encoder": encoder, "task": TASKS["label"](encoder)}).double()
    norms = check(model, batch_of([5, 2, 1], "label"))
    one = [f"encoder.{depth}" for depth in range(2)]
    two = [f"{name}.{way}" for name in one for way in ("forward", "backward")]
    assert set(norms) == set(two if both and cell is not SelfAttention else one)
    for (found,) in norms.values():
        assert all(found[row, :length].any() for row, length in enumerate([5, 2, 1]))
        assert not any(found[row, length:].any() for row, length in enumerate([5, 2, 1]))


def attention(size):
    return SelfAttention(size, hidden_size=4, num_heads=2)


@pytest.mark.parametrize(
    "kind", [BagOfWords, partial(BagOfWords, hidden_size=4), FeedForwardEncoder]
)
def test_layers_without_a_memory(kind):
    torch.manual_seed(0)
    encoder = kind(Words(len(WORDS), 3), partial(LSTM, hidden_size=4))
    task = Classify(encoder, Spec(WORDS, Vocab(["no", "yes"]), "label"), pooling="last")
    norms = check(
        nn.ModuleDict({"encoder": encoder, "task": task}).double(), batch_of([3, 1], "label")
    )
    (found,) = norms["encoder.0"]
    assert found[0].any()
    assert not found[1, 1:].any()


def test_inputs_that_are_numbers():
    """They have a gradient as well, though nothing is learned from it."""
    torch.manual_seed(0)
    encoder = RecurrentEncoder(Features(2), partial(LSTM, hidden_size=4))
    task = Classify(encoder, Spec(2, Vocab(["no", "yes"]), "label"))
    inputs = torch.randn(3, 5, 2, dtype=torch.float64)
    batch = Batch(inputs, torch.tensor([5, 1, 3]), torch.tensor([0, 1, 1]))
    check(nn.ModuleDict({"encoder": encoder, "task": task}).double(), batch)
    assert not inputs.requires_grad


@pytest.mark.parametrize("cell", CELLS)
def test_a_decoder_that_goes_step_by_step(cell):
    torch.manual_seed(0)
    encoder = RecurrentEncoder(Words(len(WORDS), 3), partial(CELLS[cell], hidden_size=4))
    task = translate("additive", input_feeding=True)(encoder)
    model = nn.ModuleDict({"encoder": encoder, "task": task}).double()
    batch = batch_of([5, 2, 1, 4], "tokens")

    def loss():
        return task.loss(encoder(batch.inputs, batch.lengths), batch)

    seen = {}
    with watch_inputs(model, seen):
        watched = loss()
    watched.backward()
    norms = input_norms(seen)
    kept = {depth: [] for depth in range(2)}
    for depth, layer in enumerate(task.decoder.layers):

        def step(x, state, read=kept[depth], plain=layer.step):
            read.append(x * 1)
            return plain(read[-1], state)

        layer.step = step
    exact = loss()
    assert torch.equal(watched, exact)
    for depth, read in kept.items():
        expected = torch.stack(
            [g.norm(dim=1) for g in torch.autograd.grad(exact, read, retain_graph=True)], dim=1
        )
        (found,) = norms[f"task.decoder.{depth}"]
        torch.testing.assert_close(found, expected)


def test_without_gradients_nothing_is_seen():
    layer, seen = LSTM(3, hidden_size=4), {}
    with torch.no_grad(), watch_inputs(nn.ModuleDict({"x": layer}), seen):
        layer(torch.randn(2, 5, 3))
    assert input_norms(seen) == {}
    assert not layer._input_watchers


def test_what_a_run_leaves(tmp_path):
    every = "diagnostics.input_flow.every_n_steps=2"
    words = ["diagnostics=full", "diagnostics.projector=null", "logger=tensorboard", every]
    small_run(tmp_path, "cell=gru", "encoder.bidirectional=true", *words)
    with np.load(tmp_path / "diagnostics" / "input_flow.npz") as file:
        assert file["steps"].tolist() == [1, *range(2, 21, 2)]
        assert file["layers"].tolist() == ["encoder.0.backward", "encoder.0.forward"]
        assert np.isfinite(file["decades"]).all()
    assert (tmp_path / "figures" / "input_flow.png").is_file()


def test_an_encoder_without_a_recurrent_layer(tmp_path):
    run = tiny.train(tmp_path, "sentiment", "encoder=feedforward", "diagnostics=full")
    with np.load(run.folder / "diagnostics" / "input_flow.npz") as file:
        assert file["layers"].tolist() == ["encoder.0"]
        assert np.abs(np.diff(file["decades"][0, 0, :2])).max() < 0.1  # the mean treats all alike
