"""Cells, directions, depths and tasks in pairs: one batch of real files, forward and backward."""

from functools import cache
from itertools import cycle

import pytest
import torch

from corpora import EVERY_TASK
from pairs import pairs
from rnnlab.config.compose import compose_words
from rnnlab.config.files import choices, config_dir, read_yaml
from rnnlab.errors import ConfigError
from rnnlab.layers.base import Layer
from rnnlab.runs.build import build_data, build_model, build_vectors
from tiny import ONE_WAY, SMALL

CELLS = list(choices("cell"))
STACKS = ["recurrent", "blocks"]
OPTIONS = {
    "sentiment": [{"pooling": pooling} for pooling in ("last", "mean", "max", "attention")],
    "ner": [{}, {"output": "crf"}, {"output": "crf", "constrained": True}],
    "translation": [
        {"attention": "additive"},
        {"attention": "general", "input_feeding": True},
        {"attention": "none", "num_layers": 2},
        {"num_layers": 2, "num_heads": 2},
    ],
    "language_model": [{}, {"tie_word_embeddings": True}],
    "generate": [
        {"attention": "additive"},
        {"attention": "none", "tie_word_embeddings": True},
        {"num_heads": 1, "tie_word_embeddings": True},
    ],
}
"""Choices of each task that read the encoder in different ways."""

CHOICES = [(task, options) for task in EVERY_TASK for options in OPTIONS.get(task, [{}])]

IDLE = ("attention.query.weight", "attention.query.bias", "attention.key.weight", "energy.weight")
IDLE += ("cross.query.weight", "cross.query.bias", "cross_norm.weight")
"""Weights of an attention that has one step to attend to."""


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """From a task to its configuration, data and a batch, made once."""

    @cache
    def prepare(task):
        words = [*EVERY_TASK[task](tmp_path_factory.mktemp(task)), *SMALL, "data.batch_size=32"]
        cfg = compose_words("train", words).cfg
        vectors = build_vectors(cfg)
        data = build_data(cfg, vectors)
        batch = next(iter(data.train_dataloader()))
        return cfg, vectors, data.spec(), batch

    return prepare


def sizes(module):
    return {name: tensor.shape for name, tensor in module.state_dict().items()}


def encoder_of(stack):
    sizes = {"model_size": 8} if stack == "blocks" else {}
    return read_yaml(config_dir() / "encoder" / f"{stack}.yaml") | sizes


def fitting(choice, cell, stack, both, depth):
    task, options = choice
    alone = cell == "attention" and options.get("attention") == "none"
    others = "num_heads" if stack == "recurrent" else "attention"
    return not (both and task in ONE_WAY) and not alone and others not in options


@pytest.mark.parametrize("task", ONE_WAY)
def test_tasks_that_read_one_way_refuse_both(task, prepared):
    cfg, vectors, spec, _ = prepared(task)
    for cell, depth in zip(CELLS, cycle([1, 2]), strict=False):
        chosen = {
            "cell": read_yaml(config_dir() / "cell" / f"{cell}.yaml"),
            "encoder": cfg["encoder"] | {"bidirectional": True, "num_layers": depth},
        }
        with pytest.raises(ConfigError, match=r"encoder\.bidirectional: true would show"):
            build_model(cfg | chosen, spec, vectors)


@pytest.mark.parametrize(
    ("choice", "cell", "stack", "bidirectional", "num_layers"),
    pairs(*(CHOICES, CELLS, STACKS, [False, True], [1, 2]), allowed=fitting),
    ids=str,
)
def test_one_batch_forward_and_backward(choice, cell, stack, bidirectional, num_layers, prepared):
    task, options = choice
    cfg, vectors, spec, batch = prepared(task)
    shape = {"bidirectional": bidirectional, "num_layers": num_layers}
    cfg = cfg | {
        "cell": read_yaml(config_dir() / "cell" / f"{cell}.yaml") | {"hidden_size": 8},
        "encoder": encoder_of(stack) | shape,
        "task": cfg["task"] | options,
    }
    with torch.device("meta"):
        dry = build_model(cfg, spec, vectors)
    torch.manual_seed(0)
    model = build_model(cfg, spec, vectors)
    for part, shapes in ((model.encoder, dry.encoder), (model.task, dry.task)):
        assert sizes(part) == sizes(shapes)
        assert all(tensor.is_meta for tensor in [*shapes.parameters(), *shapes.buffers()])
    layer = next(m for m in model.encoder.modules() if isinstance(m, Layer))
    two = bidirectional and stack == "recurrent" and layer.fixed_size_state
    assert model.encoder.output_size == 8 * (1 + two)
    encoded = model.encoder(batch.inputs, batch.lengths)
    loss = model.task.loss(encoded, batch)
    assert torch.isfinite(loss)
    loss.backward()
    gates = layer.gates()
    recurrent = tuple(name for key, (name, _) in gates.items() if key.startswith("recurrent/"))
    for part in (model.encoder, model.task):
        for name, parameter in part.named_parameters():
            assert parameter.grad is not None, name
            assert torch.isfinite(parameter.grad).all(), name
            idle = IDLE if part is model.task else recurrent
            if task == "generate" and name.endswith(idle):
                continue  # of a single step nothing is remembered, and nothing is chosen
            # a bias of both kernels has a gradient, and so has every weight: nothing is idle
            assert parameter.grad.any(), name


@pytest.mark.parametrize(("task", "cell", "stack"), pairs(list(EVERY_TASK), CELLS, STACKS))
def test_batches_do_not_know_each_other(task, cell, stack, prepared):
    """A sequence's prediction is the same alone and among others that are longer."""
    cfg, vectors, spec, batch = prepared(task)
    cfg = cfg | {
        "cell": read_yaml(config_dir() / "cell" / f"{cell}.yaml") | {"hidden_size": 8},
        "encoder": encoder_of(stack) | {"bidirectional": task not in ONE_WAY, "num_layers": 2},
    }
    torch.manual_seed(0)
    model = build_model(cfg, spec, vectors)
    model.encoder.eval()
    model.task.eval()
    with torch.no_grad():
        together = model.task.predict(model.encoder(batch.inputs, batch.lengths))
        for row in range(0, len(batch), 7):
            length = int(batch.lengths[row])
            single = batch.inputs[row : row + 1, :length], batch.lengths[row : row + 1]
            (alone,) = model.task.predict(model.encoder(*single))
            if hasattr(alone, "probability"):
                assert alone[0] == together[row][0]
                assert alone.probability == pytest.approx(together[row].probability, abs=1e-5)
            else:
                assert alone == together[row]
