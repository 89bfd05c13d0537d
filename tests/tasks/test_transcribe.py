import math
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from rnnlab.data.batch import IGNORE, Batch
from rnnlab.data.examples import Examples
from rnnlab.data.ragged import Ragged
from rnnlab.data.spec import Spec
from rnnlab.data.tokenizer import Tokenizer
from rnnlab.data.vocab import END, PAD, START, UNK, Vocab
from rnnlab.errors import ConfigError, DataError
from rnnlab.layers.gru import GRU
from rnnlab.nn.embedding import Features
from rnnlab.nn.recurrent import RecurrentEncoder
from rnnlab.tasks.transcribe import Transcribe

F = 6
VOCAB = Vocab([PAD, UNK, START, END, *"abcd"])
SPEC = Spec(F, VOCAB, "tokens", target_tokenizer=Tokenizer("char"))


def build(spec=SPEC, subsampling=1, **options):
    torch.manual_seed(0)
    encoder = RecurrentEncoder(
        Features(F), partial(GRU, hidden_size=24), bidirectional=True, subsampling=subsampling
    )
    return encoder, Transcribe(encoder, spec, **{"embedding_dim": 16} | options)


def sounds(number, seed, longest=4):
    """Each letter is a bump of its own in 3 to 6 frames of noise, with pauses between."""
    rng = np.random.default_rng(seed)
    rows, texts = [], []
    for _ in range(number):
        text = "".join(rng.choice(list("abcd"), rng.integers(1, longest, endpoint=True)))
        parts = []
        for letter in text:
            said = np.zeros((rng.integers(3, 6, endpoint=True), F))
            said[:, "abcd".index(letter)] = 2.0
            parts += [np.zeros((rng.integers(1, 3, endpoint=True), F)), said]
        sound = np.concatenate(parts)
        rows.append(torch.tensor(sound + 0.2 * rng.standard_normal(sound.shape)).float())
        texts.append(text)
    return rows, texts


def batch_of(rows, texts):
    targets = [torch.tensor([VOCAB.start_id, *VOCAB.ids(text), VOCAB.end_id]) for text in texts]
    return Batch(
        nn.utils.rnn.pad_sequence(rows, batch_first=True),
        torch.tensor([len(row) for row in rows]),
        nn.utils.rnn.pad_sequence(targets, batch_first=True, padding_value=IGNORE),
        torch.tensor([len(target) for target in targets]),
    )


def train(encoder, task, steps):
    optimizer = torch.optim.Adam([*encoder.parameters(), *task.parameters()], lr=1e-2)
    for step in range(steps):
        batch = batch_of(*sounds(32, seed=step + 1))
        loss = task.loss(encoder(batch.inputs, batch.lengths), batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


@torch.no_grad()
def evaluate(encoder, task, batch, split="test", texts=None):
    encoder.eval(), task.eval()
    task.start(split, texts)
    task.update(encoder(batch.inputs, batch.lengths), batch)
    return task.compute()


@pytest.fixture(scope="module")
def trained():
    encoder, task = build(subsampling=2)
    train(encoder, task, 120)
    return encoder, task


def test_ctc_learns_and_says_where_each_letter_is(trained):
    encoder, task = trained
    rows, texts = sounds(100, seed=0)
    batch = batch_of(rows, texts)
    scores = evaluate(encoder, task, batch)
    assert scores["cer"] < 0.05
    assert scores["unalignable"] == 0
    with torch.no_grad():
        encoded = encoder(batch.inputs, batch.lengths)
        found = task.alignment(encoded, batch)
    near = []
    for row, text, emitted in zip(rows, texts, found, strict=True):
        for position, letter in enumerate(text):
            frame = 2 * int((emitted == position).nonzero()[0])
            loud = row[max(0, frame - 2) : frame + 3, "abcd".index(letter)]
            near.append(bool((loud > 1).any()))
    assert np.mean(near) > 0.9


@pytest.mark.parametrize("output", ["attention", "both"])
def test_the_attention_decoder_learns(output):
    encoder, task = build(subsampling=2, output=output, attention="general")
    train(encoder, task, 150)
    scores = evaluate(encoder, task, batch_of(*sounds(60, seed=0)))
    assert scores["cer"] < 0.1
    assert ("unalignable" in scores) == (output == "both")


def test_predictions_are_those_that_are_scored(trained):
    encoder, task = trained
    rows, texts = sounds(30, seed=0)
    texts[0] = "dddd"
    scores = evaluate(encoder, task, batch_of(rows, texts))
    with torch.no_grad():
        alone = [task.predict(encoder(row[None], None))[0] for row in rows]
    wrong = sum(said != text for said, text in zip(alone, texts, strict=True))
    assert scores["accuracy"] == pytest.approx(1 - wrong / 30)
    assert scores["wer"] == pytest.approx(wrong / 30)  # a text without blanks is one word


def test_beams_give_texts_with_their_probabilities(trained):
    encoder, task = trained
    batch = batch_of(*sounds(8, seed=3))
    with torch.no_grad():
        encoded = encoder(batch.inputs, batch.lengths)
        found = task.searcher(5, 20)(encoded)
        for row, hypotheses in enumerate(found):
            scores = [hypothesis.score for hypothesis in hypotheses]
            assert scores == sorted(scores, reverse=True)
            assert len({hypothesis.text for hypothesis in hypotheses}) == 5
            for text, score in hypotheses[:2]:
                one = batch_of([batch.inputs[row, : batch.lengths[row]]], [text])
                nll = task.loss(encoder(one.inputs, one.lengths), one) * (len(text) + 1)
                assert -nll.item() == pytest.approx(score, abs=0.01)
        best = task.searcher(1, 1)(encoded)
        assert [each[0].text for each in best] == task.texts(encoded, 1)
        assert all(each[0].score <= 0 for each in best)
    with pytest.raises(ConfigError, match="num_return_sequences: 3 is more"):
        task.searcher(3, 2)


def test_ctc_alone_has_no_decoder_and_both_mix_two_losses():
    rows, texts = sounds(6, seed=1)
    batch = batch_of(rows, texts)
    losses = {}
    for output, options in (
        ("ctc", {}),
        ("attention", {}),
        ("both", {"ctc_weight": 0.25}),
    ):
        encoder, task = build(output=output, frequency_bias=False, **options)
        torch.manual_seed(1)
        for parameter in task.parameters():
            nn.init.normal_(parameter, std=0.1)
        if output == "both":
            weights = losses["ctc"][1], losses["attention"][1]
            task.ctc.load_state_dict(weights[0].ctc.state_dict())
            task.decoder.load_state_dict(weights[1].decoder.state_dict())
        loss = task.loss(encoder(batch.inputs, batch.lengths), batch)
        losses[output] = loss.item(), task
    assert not hasattr(losses["ctc"][1], "decoder")
    assert losses["attention"][1].ctc is None
    expected = 0.25 * losses["ctc"][0] + 0.75 * losses["attention"][0]
    assert losses["both"][0] == pytest.approx(expected, rel=1e-5)


def test_what_cannot_be_aligned_is_counted_and_left_out(trained):
    encoder, task = trained
    rows, _ = sounds(2, seed=0, longest=1)
    batch = batch_of([*rows, rows[0][:4]], ["a", "", "aa"])  # two steps, three are needed
    scores = evaluate(encoder, task, batch)
    assert scores["unalignable"] == 1
    encoder.train()
    loss = task.loss(encoder(batch.inputs, batch.lengths), batch)
    loss.backward()
    assert loss.isfinite()
    assert all(p.grad.isfinite().all() for p in encoder.parameters())
    batch = batch_of([rows[0] * math.nan, rows[1], rows[0][:4]], ["a", "", "aa"])
    assert task.loss(encoder(batch.inputs, batch.lengths), batch).isnan()


def examples(texts, frames, vocab=VOCAB, tokenizer=SPEC.target_tokenizer):
    ids = Ragged.from_lists(vocab.ids(tokenizer.split(text)) for text in texts)
    inputs = Ragged.from_lists([[0] * n for n in frames])
    return Examples(inputs, ids.framed(vocab.start_id, vocab.end_id), texts)


def test_texts_that_cannot_be_aligned_are_named():
    _, task = build(subsampling=4)
    assert task.remarks("train", examples(["ab", "abcd"], [5, 13])) == []
    few = examples(["ab", "abbc", "abc", "dd"], [8, 16, 8, 12])
    (found,) = task.remarks("val", few)
    assert found == (
        "CTC cannot align 2 of 4 val texts, which do not count in the loss: 'abbc' needs 5 steps "
        "of the encoder and has 4"
    )
    few = replace(few, places=[f"a.tsv:{line}" for line in range(4)])
    assert "in the loss: a.tsv:1: 'abbc' needs" in task.remarks("val", few)[0]
    none = examples(["ab", "abcd"], [4, 12])
    assert len(task.remarks("test", none)) == 1
    with pytest.raises(DataError, match=r"cannot align 2 of 2 .*smaller encoder\.subsampling"):
        task.remarks("train", none)
    assert build(output="attention")[1].remarks("train", none) == []


def test_labels_named_as_the_blank_are_refused():
    words = Vocab([PAD, UNK, START, END, "yes", "no"])
    tokenizer = Tokenizer("space")
    _, task = build(Spec(F, words, "tokens", target_tokenizer=tokenizer))
    with pytest.raises(DataError, match="val: 'yes <pad> no' has a token named as CTC's blank"):
        task.remarks("val", examples(["no", "yes <pad> no"], [9, 9], words, tokenizer))
    other = Vocab(["a", UNK, START, END, PAD])
    with pytest.raises(ConfigError, match=r"CTC's blank is token 0 .* choose attention"):
        build(Spec(F, other, "tokens", target_tokenizer=tokenizer))


def test_options_that_do_not_fit_and_a_missing_library(monkeypatch):
    for output in ("ctc", "attention"):
        with pytest.raises(ConfigError, match=rf"task\.ctc_weight: task\.output={output}"):
            build(output=output, ctc_weight=0.5)
    monkeypatch.setitem(__import__("sys").modules, "jiwer", None)
    with pytest.raises(ConfigError, match=r"jiwer .*; pip install 'rnnlab\[speech\]'"):
        build()


def test_ctc_is_summed_in_float32_under_autocast():
    encoder, task = build()
    batch = batch_of(*sounds(4, seed=1))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        encoded = encoder(batch.inputs, batch.lengths)
        assert task.log_probs(encoded).dtype == torch.float32
        half = task.loss(encoded, batch)
    assert half.dtype == torch.float32
    full = task.loss(encoder(batch.inputs, batch.lengths), batch)
    assert half.item() == pytest.approx(full.item(), rel=0.02)
