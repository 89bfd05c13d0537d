"""Attention maps and entropy: known weights, padding left out, drawn by a run."""

import math

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from rnnlab.config.compose import compose_words
from rnnlab.data.batch import IGNORE
from rnnlab.diagnostics.attention import draw, entropy
from rnnlab.nn.attention import AttentionMap
from rnnlab.runs.build import build_data, build_model, build_vectors
from rnnlab.runs.train import run
from runs import merged, scalars
from tiny import CORPORA, SMALL


def test_entropy_of_known_weights():
    """One look at a single step, one at four alike, one at padding that is none."""
    weights = torch.zeros(2, 2, 4)
    weights[0, 0, 2] = 1.0
    weights[0, 1] = 0.25
    weights[1, 0, :2] = 0.5
    weights[1, 1] = math.nan  # no look
    attended = AttentionMap(weights, [["a", "b"], ["c"]])
    expected = (0.0 + math.log(4) + math.log(2)) / 3
    assert float(entropy(attended)) == pytest.approx(expected)


def prepared(tmp_path, task, *words):
    cfg = compose_words("train", merged([*CORPORA[task](tmp_path), *SMALL, *words])).cfg
    vectors = build_vectors(cfg)
    data = build_data(cfg, vectors)
    batch = next(iter(data.train_dataloader()))
    model = build_model(cfg, data.spec(), vectors)
    model.encoder.eval()
    model.task.eval()
    return model, batch, data.spec()


@torch.no_grad()
def test_weights_are_those_that_the_decoder_uses(tmp_path):
    model, batch, spec = prepared(tmp_path, "translation")
    encoded = model.encoder(batch.inputs, batch.lengths)
    decoder, seen = model.task.decoder, []
    handle = decoder.attention.register_forward_hook(lambda *given: seen.append(given[2][1]))
    model.task.loss(encoded, batch)
    handle.remove()
    attended = model.task.attention_map(encoded, batch)
    assert torch.equal(attended.weights, seen[0])
    for number, (row, length) in enumerate(zip(attended.rows, batch.lengths, strict=True)):
        ids = [i for i in batch.target[number, 1:].tolist() if i != IGNORE]
        assert row == [spec.target.tokens[i] for i in ids]
        assert row[-1] == "</s>"
        assert (attended.weights[number, :, length:] == 0).all()
        sums = attended.weights[number].sum(dim=1)
        assert torch.allclose(sums, torch.ones_like(sums))


def test_tasks_without_attention_have_none(tmp_path):
    model, batch, _ = prepared(tmp_path / "a", "translation", "task.attention=none")
    assert model.task.attention_map(model.encoder(batch.inputs, batch.lengths), batch) is None
    model, batch, _ = prepared(tmp_path / "b", "ner")
    assert model.task.attention_map(model.encoder(batch.inputs, batch.lengths), batch) is None


def test_tokens_stand_on_the_axes():
    attended = AttentionMap(torch.full((1, 2, 3), 1 / 3), [["das", "$"]])
    (panel,) = draw(attended, [["the", " ", "cat"]], "t").axes
    assert [label.get_text() for label in panel.get_xticklabels()] == ["the", "' '", "cat"]
    assert [label.get_text() for label in panel.get_yticklabels()] == ["das", r"\$"]


@pytest.mark.parametrize(
    ("task", "words"), [("translation", ()), ("sentiment", ("task.pooling=attention",))]
)
def test_a_run_draws_after_each_validation(task, words, tmp_path):
    given = [*CORPORA[task](tmp_path / "data"), *SMALL, "diagnostics=full", "logger=tensorboard"]
    composed = compose_words("train", merged([*given, *words, "trainer.max_epochs=2"]))
    run(composed.cfg, composed.choices, tmp_path / "run")
    points = scalars(tmp_path / "run")["attention/entropy"]
    assert len(points) == 2
    assert all(0 <= value <= math.log(60) for _, value in points)
    assert (tmp_path / "run/figures/attention.png").stat().st_size > 5000
    events = EventAccumulator(str(tmp_path / "run"), size_guidance={"images": 0})
    events.Reload()
    images = events.Images("attention/maps")
    assert [image.step for image in images] == [step for step, _ in points]
