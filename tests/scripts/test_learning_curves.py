"""The script of learning curves on tiny corpora."""

import json

import pytest
import torch

import learning_curves
from curves.measure import Curve, of_plain, of_rnnlab
from curves.plain import Flair, Keras, OpenNMT
from curves.report import insert, table
from rnnlab.config.compose import compose_words
from rnnlab.config.trust import make
from tiny import CORPORA, SMALL

MODELS = {"sentiment": (Keras, "accuracy"), "ner": (Flair, "f1"), "translation": (OpenNMT, "bleu")}


@pytest.mark.parametrize("task", MODELS)
def test_a_run_and_a_plain_model_are_measured_after_the_same_batches(tmp_path, task):
    model, metric = MODELS[task]
    words = [*CORPORA[task](tmp_path), *SMALL]
    kept = [word for word in words if not word.startswith("trainer.")]
    plain = of_plain(words, model, (2, 9), "test", 3)
    mine = of_rnnlab(kept, Curve((2, 9), "test", 3))
    for points in (plain, mine):
        assert [point.batches for point in points] == [2, 9]
        assert 0 < points[0].seconds < points[1].seconds
        assert all(0 < point.scores["loss"] < 10 for point in points)
        assert metric in points[-1].scores


def test_another_programs_start_is_as_it_makes_it(tmp_path):
    data = make(compose_words("train", CORPORA["sentiment"](tmp_path)).cfg["data"], [])
    keras = Keras(data.spec(), embedding=30, hidden=8)
    assert float(keras.embedding.weight.detach().abs().max()) <= 0.05
    gram = keras.rnn.weight_hh_l0.T @ keras.rnn.weight_hh_l0
    torch.testing.assert_close(gram.detach(), torch.eye(8), atol=1e-5, rtol=0)
    total = (keras.rnn.bias_ih_l0 + keras.rnn.bias_hh_l0).detach()
    assert total.tolist() == [0.0] * 8 + [1.0] * 8 + [0.0] * 16


def test_median_and_range_of_the_last_batch_stand_in_the_document(tmp_path, monkeypatch, capsys):
    rows = [
        {
            "case": "imdb", "variant": name, "seed": seed, "batches": batches, "seconds": batches,
            "scores": {"loss": loss / batches, "accuracy": loss / 10},
        }
        for name, losses in {"defaults": (1, 3, 2), "Keras": (5, 7, 9)}.items()
        for seed, loss in enumerate(losses)
        for batches in (1, 2)
    ]  # fmt: skip
    text = table(rows, {"imdb": "accuracy"})
    assert "| defaults |       2 | 1.000 (0.500 - 1.500) | accuracy | 0.200 (0.100 - 0.300)" in text
    document = tmp_path / "docs.md"
    document.write_text("a\n<!-- learning: begin -->\nold\n<!-- learning: end -->\nb\n")
    (tmp_path / "rows.json").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    words = ["learning_curves", "--draw", f"{tmp_path}/rows.json", "--docs", str(document)]
    monkeypatch.setattr("sys.argv", words)
    monkeypatch.setattr(learning_curves, "MAIN", ("imdb",))
    learning_curves.main()
    assert text in capsys.readouterr().out
    assert text in document.read_text()
    assert "old" not in document.read_text()
    assert (tmp_path / "learning_curves.png").stat().st_size > 10_000
    insert("new", document)
    assert document.read_text() == (
        "a\n<!-- learning: begin -->\n\nnew\n\n<!-- learning: end -->\nb\n"
    )
