"""A language model from files to answers."""

import json
import math
from itertools import pairwise

import pytest
import torch
from lightning import Callback

import rnnlab
from rnnlab.config.compose import compose_words
from rnnlab.errors import ConfigError
from rnnlab.runs import train as training
from rnnlab.runs.resume import resume_run
from rnnlab.runs.train import run
from runs import StopAt, merged, weights
from tiny import SMALL, call, refused, text, train


def small_run(folder, data, *words):
    given = [*text(data), *SMALL, "trainer.accelerator=cpu", "data.vary_bptt=true", *words]
    composed = compose_words("train", list(dict.fromkeys(given)))
    return run(composed.cfg, composed.choices, folder)


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_stopped_and_resumed_in_the_middle_of_an_epoch(tmp_path, monkeypatch, cell):
    """The carried state is part of the checkpoint: equal bit for bit."""
    words = [f"cell={cell}", "encoder.num_layers=2", "encoder.dropout=0.2", "optimizer.lr=0.02"]
    words += ["trainer.accumulate_grad_batches=2", "checkpoint.every_n_steps=1", "data.bptt=9"]
    words += ["trainer.val_check_interval=5", "task.tie_word_embeddings=true"]
    words = [word for word in words if word != "data.bptt=9"]
    whole = small_run(tmp_path / "whole", tmp_path, *words)
    real = training.build_callbacks
    with monkeypatch.context() as patch:
        patch.setattr(training, "build_callbacks", lambda *a: [*real(*a), StopAt(4, 0)])
        stopped = small_run(tmp_path / "stopped", tmp_path, *words)
    assert stopped.status == "interrupted"
    kept = torch.load(tmp_path / "stopped/checkpoints/last.ckpt", weights_only=True)
    ((first, second),) = kept["carried_states"]["processes"]
    assert first[0].shape == second[0].shape == (4, 8)
    assert first[0].any()
    resumed = resume_run(tmp_path / "stopped", [], [])
    one = weights(tmp_path / "whole/checkpoints/last.ckpt")
    two = weights(tmp_path / "stopped/checkpoints/last.ckpt")
    assert all(torch.equal(value, two[name]) for name, value in one.items())
    assert resumed.record["test"] == whole.record["test"]


class Steps(Callback):
    """Each step of plain SGD, divided by its gradient: the rate; and the steps of its batch."""

    def __init__(self):
        self.rates, self.lengths, self.left = [], [], set()

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        self.lengths.append(batch.inputs.shape[1])
        self.before = [p.detach().clone() for p in pl_module.parameters()]

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        pairs = list(zip(pl_module.parameters(), self.before, strict=True))
        moved = torch.cat([(p.detach() - old).flatten() for p, old in pairs]).double()
        grad = torch.cat([p.grad.flatten() for p, _ in pairs]).double()
        rate = -moved.dot(grad) / grad.dot(grad)
        torch.testing.assert_close(moved, -rate * grad, atol=1e-5, rtol=0)
        self.rates.append(float(rate))
        self.left |= {group["lr"] for group in trainer.optimizers[0].param_groups}


@pytest.mark.parametrize("scaled", [True, False])
def test_the_rate_follows_the_steps_of_a_batch(tmp_path, scaled):
    steps = Steps()
    words = ["optimizer=sgd", "optimizer.lr=2.0", f"task.scale_rate={scaled}", "data.bptt=8"]
    given = [*text(tmp_path), *SMALL, "trainer.accelerator=cpu", "data.vary_bptt=true", *words]
    composed = compose_words("train", merged(given))
    run(composed.cfg, composed.choices, tmp_path / "run", callbacks=[steps])
    assert len(set(steps.lengths)) > 2
    wanted = [2.0 * length / 8 if scaled else 2.0 for length in steps.lengths]
    assert steps.rates == pytest.approx(wanted, rel=1e-3)
    assert steps.left == {2.0}


def test_the_record_has_perplexity_and_bits(tiny_run):
    record = json.loads((tiny_run("language_model").folder / "metrics.json").read_text())
    assert record["monitor"] == "val/bits_per_character"
    assert record["score"] == -record["val"]["bits_per_character"]
    for split in ("val", "test"):
        figures = record[split]
        assert figures["perplexity"] == pytest.approx(math.exp(figures["loss"]), rel=1e-5)
        assert figures["bits_per_character"] == pytest.approx(
            figures["loss"] / math.log(2), rel=1e-5
        )


def predict(capsys, run, *words):
    return call(capsys, "predict", f"checkpoint={run.folder}", *words)


def test_a_prompt_is_gone_on_with(tiny_run, capsys):
    run = tiny_run("language_model")
    words = [
        "prompt=three, f",
        "max_new_tokens=12",
        "num_return_sequences=3",
        "temperature=0.8",
        "top_k=5",
        "top_p=0.9",
    ]
    said = predict(capsys, run, *words, "seed=2")
    assert (said.code, said.err) == (0, "")
    texts = rnnlab.load(run.folder).write(
        "three, f",
        max_new_tokens=12,
        num_return_sequences=3,
        temperature=0.8,
        top_k=5,
        top_p=0.9,
        seed=2,
    )
    assert said.out == "".join(f"{one}\n" for one in texts)
    assert len(set(texts)) > 1
    for one in texts:
        assert one.startswith("three, f")
        assert len(one) == len("three, f") + 12
    assert predict(capsys, run, *words, "seed=2").out == said.out
    assert predict(capsys, run, *words, "seed=3").out != said.out


def test_words_go_on_too(tmp_path, capsys):
    run = train(tmp_path, "language_model", "data.level=word", "data.bptt=4", "optimizer.lr=0.03")
    assert json.loads((run.folder / "metrics.json").read_text())["monitor"] == "val/perplexity"
    said = predict(capsys, run, "prompt=three, four", "max_new_tokens=100", "seed=5")
    assert said.code == 0
    assert said.out.startswith("three , four")
    assert said.out.count("\n") > 2  # the ends of lines
    assert "<eos>" not in said.out
    assert "<pad>" not in said.out
    assert refused(predict(capsys, run, "prompt=three, five")).startswith(
        "prompt: the model has never seen the words 'five'"
    )


def test_subwords_go_on_as_plain_text(tmp_path, capsys):
    words = ["data.level=bpe", "data.vocab_size=270", "data.bptt=8", "optimizer.lr=0.03"]
    run = train(tmp_path, "language_model", *words)
    record = json.loads((run.folder / "metrics.json").read_text())
    assert record["monitor"] == "val/perplexity"
    lines = (run.data / "test.txt").read_text().splitlines()
    count = sum(len(line.split()) + 1 for line in lines)
    loss, size = record["test"]["loss"], rnnlab.load(run.folder).inputs.tokenizer.split
    tokens = sum(len(size(f"{line}\n")) for line in lines)
    found = record["test"]
    assert found["perplexity"] == pytest.approx(math.exp(loss), rel=1e-5)
    assert found["word_perplexity"] == pytest.approx(math.exp(loss * tokens / count), rel=1e-5)
    characters = sum(len(line) + 1 for line in lines)
    bits = loss * tokens / characters / math.log(2)
    assert found["bits_per_character"] == pytest.approx(bits, rel=1e-5)
    evaluated = json.loads(call(capsys, "evaluate", f"checkpoint={run.folder}").out)["test"]
    assert evaluated == pytest.approx(found)
    prompt = "  three,  four\n\u20ac"
    said = predict(capsys, run, f"prompt={prompt}", "max_new_tokens=40", "seed=5")
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith(prompt)
    assert said.out.count("\n") > 2
    assert "\u0120" not in said.out  # blanks are blanks again


@pytest.mark.parametrize("level", ["char", "word", "bpe"])
def test_lines_are_scored(level, tmp_path, capsys):
    """Against step by step: the line after the end of another one, and its own end."""
    run = train(tmp_path, "language_model", f"data.level={level}", "data.vocab_size=270")
    model = rnnlab.load(run.folder)
    encoder, task, inputs = model.model.encoder, model.model.task, model.inputs
    lines = ["one, two,", "", "knock at the door; three, four, buckle", "my"]
    wanted = []
    for line in lines:
        end = "<eos>" if level == "word" else inputs.tokenizer.split("\n")[0]
        ids = inputs.source.ids([end, *inputs.tokenizer.split(line), end])
        total, state = 0.0, encoder.layers[0].initial_state(1, encoder.embedding.weight)
        with torch.no_grad():
            for token, following in pairwise(ids):
                output, state = encoder.layers[0].step(encoder.embedding.weight[[token]], state)
                total += float(task.logits(output).log_softmax(1)[0, following])
        wanted.append((total, math.exp(-total / (len(ids) - 1))))
    scores = model.score(lines, batch_size=3)
    assert [tuple(score) for score in scores] == [pytest.approx(each, rel=1e-4) for each in wanted]
    (tmp_path / "lines.txt").write_text("".join(f"{line}\n" for line in lines))
    said = predict(capsys, run, f"input={tmp_path}/lines.txt", "score=true", "batch_size=2")
    assert (said.code, said.err) == (0, "")
    rows = [row.split("\t") for row in said.out.splitlines()]
    assert [row[2] for row in rows] == lines
    given = [(float(row[0]), float(row[1])) for row in rows]
    assert given == [pytest.approx(tuple(each), abs=2e-4) for each in scores]


@pytest.mark.parametrize(
    ("task", "words", "message"),
    [
        ("sentiment", [], "score: a model of task Classify gives texts no probability"),
        ("language_model", ["num_beams=2"], "num_beams, num_return_sequences: nothing is searched"),
        ("language_model", ["prompt=a"], "score: is of the lines of a file"),
    ],
)
def test_what_has_no_score(task, words, message, tiny_run, tmp_path, capsys):
    (tmp_path / "lines.txt").write_text("one\n")
    given = [f"input={tmp_path}/lines.txt"] if "prompt=a" not in words else []
    said = predict(capsys, tiny_run(task), "score=true", *given, *words)
    assert refused(said).startswith(message)


def test_batches_that_stand_alone(tmp_path):
    words = ["data.carry=false", "data.eval_stride=5", "optimizer.lr=0.03"]
    run = train(tmp_path, "language_model", *words)
    record = json.loads((run.folder / "metrics.json").read_text())
    assert record["test"]["bits_per_character"] < 4


def test_an_adaptive_output_is_evaluated_sampled_and_asked(tmp_path, capsys):
    words = ["task.output=adaptive", "task.cutoffs=[5,9]", "task.div_value=2", "data.level=word"]
    run = train(tmp_path, "language_model", *words, "data.bptt=4", "optimizer.lr=0.03")
    record = json.loads((run.folder / "metrics.json").read_text())
    said = call(capsys, "evaluate", f"checkpoint={run.folder}")
    assert json.loads(said.out)["test"] == pytest.approx(record["test"])
    assert predict(capsys, run, "prompt=three, four", "max_new_tokens=9").out.startswith(
        "three , four"
    )
    (answer,) = rnnlab.load(run.folder).predict(["one, two,"])
    assert 1 / 20 < answer.probability <= 1


def test_a_prompt_from_python_has_the_same_ranges(tiny_run):
    model = rnnlab.load(tiny_run("language_model").folder)
    with pytest.raises(ConfigError, match=r"temperature: '-1.0'[\s\S]*top_k: '0'"):
        model.write("one", temperature=-1.0, top_k=0)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["prompt=kno\u20acck"], "prompt: the model has never seen the characters '\u20ac'"),
        (["prompt=a<pad>"], "prompt: the model has never seen the characters '<', 'p', '>'"),
        (["prompt=k", "temperature=-1"], "temperature: '-1.0' is not a float of at least 0"),
        (["prompt=k", "top_k=0"], "top_k: '0' is not an int of at least 1 or null"),
        (["prompt=k", "top_p=2"], "top_p: '2.0' is not a float above 0"),
        (["prompt=k", "max_new_tokens=0"], "max_new_tokens: '0' is not an int of at least 1"),
        (
            ["prompt=k", "num_return_sequences=0"],
            "num_return_sequences: '0' is not an int of at least 1",
        ),
        (["prompt=k", "topk=3"], "topk: no such option; did you mean 'top_k'"),
    ],
)
def test_mistakes_of_a_prompt_are_one_line(words, message, tiny_run, capsys):
    assert refused(predict(capsys, tiny_run("language_model"), *words)).startswith(message)


def test_other_models_go_on_with_no_text(tiny_run, capsys):
    said = predict(capsys, tiny_run("sentiment"), "prompt=good")
    assert refused(said).startswith("prompt: a model of task Classify writes no texts")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["encoder.bidirectional=true"], "encoder.bidirectional: true would show a language model"),
        (["encoder=bow"], "encoder: BagOfWords carries nothing from one token to the next"),
        (
            ["task.output=adaptive", "task.div_value=1.0"],
            "task.cutoffs: [2000, 10000] must be rising numbers above 0",
        ),
        (
            ["task.output=adaptive", "task.cutoffs=[5]", "task.tie_word_embeddings=true"],
            "task.tie_word_embeddings: true needs task.output=softmax",
        ),
        (["task.output=adaptative"], "task.output: 'adaptative' is not one of softmax, adaptive"),
        (["data.level=chr"], "data.level: 'chr' is not one of char, bpe, word, space"),
        (["data=imdb"], "task language_model needs next; data imdb gives label. Data with next: "),
        (["characters=cnn"], "characters: TextFiles gives no words; choose none"),
    ],
)
def test_mistakes_of_training_are_one_line(words, message, tmp_path, capsys):
    given = [*text(tmp_path), *SMALL, f"hydra.run.dir={tmp_path}/run"]
    if words == ["data=imdb"]:
        given = ["task=language_model", *SMALL, f"hydra.run.dir={tmp_path}/run"]
    assert refused(call(capsys, "train", *given, *words)).startswith(message)


def test_a_text_that_is_too_short_and_one_that_is_missing(tmp_path, capsys):
    given = [*text(tmp_path), *SMALL, f"hydra.run.dir={tmp_path}/run"]
    (tmp_path / "val.txt").write_text("")
    said = refused(call(capsys, "train", *given))
    assert said == f"text_files: the val split needs two tokens at least ({tmp_path}/val.txt)"
    (tmp_path / "val.txt").unlink()
    assert refused(call(capsys, "train", *given)) == f"{tmp_path}/val.txt: no such file"


def test_evaluation_of_another_text_with_unseen_characters(tiny_run, tmp_path, capsys):
    (tmp_path / "x.txt").write_text("one, two, \u20ac\n" * 9)
    words = ["data=text_files", f"data.test={tmp_path}/x.txt"]
    run = tiny_run("language_model")
    said = call(capsys, "evaluate", f"checkpoint={run.folder}", *words)
    assert said.code == 0, said.err
    assert json.loads(said.out)["test"]["bits_per_character"] > 0
