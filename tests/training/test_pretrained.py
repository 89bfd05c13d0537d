"""An encoder starts from a trained one: its layers as they are, its vectors word by word."""

import hashlib
import json
import shutil
from functools import partial

import pytest
import torch

import rnnlab
from rnnlab.data.spec import Spec
from rnnlab.data.tokenizer import Tokenizer
from rnnlab.data.vocab import Vocab
from rnnlab.layers.gru import GRU
from rnnlab.nn.embedding import RandomVectors
from rnnlab.nn.recurrent import RecurrentEncoder
from rnnlab.runs.resume import resume_run
from rnnlab.training.checkpoint import read_checkpoint
from rnnlab.training.pretrained import Pretrained
from runs import small_run, weights
from tiny import SMALL, Run, call, refused, sentiment, train, write

KNOWN = ["the", "good", "film", "was", "bad"]
SPEC = Spec(
    Vocab(["<pad>", "<unk>", "film", "FILM", "good", "awful", "<eos>"]),
    Vocab(["neg", "pos"]),
    "label",
    Tokenizer("word"),
)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A language model of two GRU layers."""
    folder = tmp_path_factory.mktemp("source")
    for split in ("train", "val", "test"):
        write(folder / f"{split}.txt", f"{' '.join(KNOWN)}\n" * 20)
    words = ["data.level=word", "data.bptt=5", "cell=gru", "encoder.num_layers=2"]
    files = [f"data.{split}={folder / split}.txt" for split in ("train", "val", "test")]
    return train(folder, "language_model", *words, *files)


def encoder(**options):
    torch.manual_seed(5)
    embedding = RandomVectors(embedding_dim=6).module(SPEC.source)
    return RecurrentEncoder(embedding, partial(GRU, hidden_size=8), **{"num_layers": 2} | options)


def words(folder, source, *more):
    given = [*sentiment(folder / "data"), *SMALL, "cell=gru", "encoder.num_layers=2"]
    start = f"encoder.init_from={source.folder if isinstance(source, Run) else source}"
    return [*given, start, f"hydra.run.dir={folder / 'run'}", *more]


def test_layers_are_taken_and_vectors_word_by_word(source):
    new, fresh = encoder(), encoder()
    said = Pretrained(str(source.folder), []).initialise(new, SPEC)
    assert said == f"2 layers, vectors of 4 of 6 words from {source.folder}"
    old = weights(source.best)
    for name, value in new.layers.state_dict().items():
        assert torch.equal(value, old[f"encoder.layers.{name}"])
    vocab = read_checkpoint(source.best).spec.source
    table, random = new.embedding.weight, fresh.embedding.weight
    for row, word in enumerate(SPEC.source.tokens):
        if word in ("<unk>", "film", "good", "<eos>"):
            expected = old["encoder.embedding.weight"][vocab.id(word)]
            assert not torch.equal(expected, random[row])
        else:  # unknown there, another case, or padding
            expected = random[row]
        assert torch.equal(table[row], expected), word
    assert not table[0].any()


def test_one_layer_starts_the_forward_direction_of_both(source, tmp_path):
    run = train(tmp_path, "language_model", "data.level=word", "data.bptt=5", "cell=gru")
    options = {"num_layers": 1, "bidirectional": True}
    new, fresh = encoder(**options), encoder(**options)
    said = Pretrained(str(run.best), []).initialise(new, SPEC)
    assert said.startswith("1 layer, the forward direction alone, vectors of ")
    old, before = weights(run.best), fresh.layers.state_dict()
    for name, value in new.layers.state_dict().items():
        one_way = name.replace(".forward_layer.", ".")
        expected = before[name] if ".backward_layer." in name else old[f"encoder.layers.{one_way}"]
        assert torch.equal(value, expected), name


def test_a_run_starts_there_and_needs_it_no_more(source, tmp_path, capsys):
    copy = shutil.copytree(source.folder, tmp_path / "source")
    # too small a rate to change a float32: the run ends with the weights that it started from
    said = call(capsys, "train", *words(tmp_path, copy, "optimizer.lr=0"))
    assert said.code == 0, said.err
    assert "\nstart    2 layers, vectors of 6 of " in said.out
    old, new = weights(source.best), weights(tmp_path / "run/checkpoints/best.ckpt")
    layers = [name for name in new if name.startswith("encoder.layers.")]
    assert len(layers) == 8
    assert all(torch.equal(new[name], old[name]) for name in layers)
    best = copy / "checkpoints/best.ckpt"
    digest = hashlib.sha256(best.read_bytes()).hexdigest()
    record = json.loads((tmp_path / "run/metrics.json").read_text())
    assert record["data"][str(best)] == digest
    shutil.rmtree(copy)
    said = call(capsys, "evaluate", f"checkpoint={tmp_path / 'run'}")
    assert json.loads(said.out)["test"] == pytest.approx(record["test"])
    resumed = resume_run(tmp_path / "run", ["trainer.max_epochs=2"], [])
    assert resumed.status == "completed"
    assert resumed.record["data"] == record["data"]
    after = weights(tmp_path / "run/checkpoints/last.ckpt")
    assert all(torch.equal(after[name], old[name]) for name in layers)


def test_training_goes_on_from_there(source, tmp_path, capsys):
    said = call(capsys, "train", *words(tmp_path, source, "optimizer.lr=0.01"))
    assert said.code == 0, said.err
    old, new = weights(source.best), weights(tmp_path / "run/checkpoints/last.ckpt")
    moved = [(new[n] - old[n]).abs().max() for n in new if n.startswith("encoder.layers.")]
    assert 0 < max(moved) < 0.2


def test_layers_that_read_numbers_start_too(tmp_path):
    first = small_run(tmp_path / "first", "cell=gru")
    second = small_run(
        tmp_path / "second", "cell=gru", f"encoder.init_from={first.folder}", "optimizer.lr=0"
    )
    old, new = (weights(one.folder / "checkpoints/best.ckpt") for one in (first, second))
    assert all(torch.equal(old[name], new[name]) for name in new if name.startswith("encoder."))


@pytest.mark.parametrize(
    ("more", "parts"),
    [
        (["cell=lstm"], ["cell GRU there, LSTM here"]),
        (["cell.hidden_size=9"], ["cell.hidden_size 8 there, 9 here"]),
        (["encoder.num_layers=1"], ["encoder.num_layers 2 there, 1 here"]),
        (
            ["embedding.embedding_dim=7"],
            ["vectors of words of 6 features there, of 7 features here"],
        ),
        (["encoder.bidirectional=true"], ["several one-way layers there, bidirectional layers"]),
        (["characters=shape"], ["vectors of words of 6 features there, none here"]),
        (
            ["cell.hidden_size=9", "embedding.embedding_dim=7"],
            ["cell.hidden_size 8 there, 9 here; vectors of words of 6 features there"],
        ),
    ],
)
def test_what_does_not_fit_is_named(more, parts, source, tmp_path, capsys):
    said = refused(call(capsys, "train", *words(tmp_path, source, *more)))
    assert said.startswith(f"encoder.init_from: {source.folder} does not fit: ")
    assert all(part in said for part in parts)
    assert "\n" not in said


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["encoder=bow"], "no recurrent layer there"),
        (
            ["encoder.bidirectional=true", "cell=gru"],
            "encoder.bidirectional true there, false here",
        ),
        (["cell=rnn", "cell.nonlinearity=relu"], "cell.nonlinearity relu there, tanh here"),
    ],
)
def test_other_encoders_do_not_fit(more, message, tmp_path, capsys):
    run = train(tmp_path / "other", "sentiment", *more)
    cell = ["cell=rnn"] if "cell=rnn" in more else []
    said = refused(call(capsys, "train", *words(tmp_path, run, *cell)))
    assert said.startswith(f"encoder.init_from: {run.folder} does not fit: ")
    assert message in said


def test_checkpoints_that_are_none(tmp_path, capsys):
    write(tmp_path / "text.ckpt", "no checkpoint")
    for path, message in {
        tmp_path / "nothing": "no such checkpoint or run folder",
        tmp_path: "no checkpoints/best.ckpt in this folder",
        tmp_path
        / "text.ckpt": "broken or not a checkpoint (not an archive); nothing of it was run",
    }.items():
        said = refused(call(capsys, "train", *words(tmp_path, path)))
        assert said == f"encoder.init_from: {path}: {message}"


@pytest.mark.parametrize(
    "net", [["cell=gru"], ["cell=attention", "encoder=blocks", "encoder.model_size=8"]]
)
def test_subwords_come_with_their_encoder(net, tmp_path, capsys):
    """A classifier splits its texts as the language model did, whose every vector is taken."""
    level = ["data.level=bpe", "data.vocab_size=270", "data.bptt=5"]
    source = train(tmp_path / "lm", "language_model", *level, *net)
    given = [*sentiment(tmp_path / "data"), *SMALL, f"encoder.init_from={source.folder}"]
    said = call(capsys, "train", *given, *net, "optimizer.lr=0", f"hydra.run.dir={tmp_path}/run")
    assert said.code == 0, said.err
    spec = read_checkpoint(tmp_path / "run/checkpoints/best.ckpt").spec
    before = read_checkpoint(source.best).spec
    assert spec.source_tokenizer == before.source_tokenizer
    assert spec.source == before.source
    old, new = weights(source.best), weights(tmp_path / "run/checkpoints/best.ckpt")
    taken = [name for name in new if name.startswith("encoder.")]
    assert all(torch.equal(old[name][1:], new[name][1:]) for name in taken)  # padding: row 0
    (answer,) = rnnlab.load(tmp_path / "run").predict(["a good film \u20ac"])
    assert answer.label in ("neg", "pos")
