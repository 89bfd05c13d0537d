import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from seqeval import metrics as seqeval

from rnnlab.data.batch import IGNORE, Batch
from rnnlab.data.spec import Spec
from rnnlab.data.tag_schemes import bioes_error, to_bioes, valid_iob2
from rnnlab.data.vocab import PAD, UNK, Vocab
from rnnlab.errors import ConfigError
from rnnlab.layers.lstm import LSTM
from rnnlab.nn.embedding import RandomVectors
from rnnlab.nn.encoded import Encoded
from rnnlab.nn.recurrent import RecurrentEncoder
from rnnlab.tasks.tag import Tag

SOURCE = Vocab([PAD, UNK, "a", "b", "c"])
TAGS = Vocab(["O", "B-LOC", "I-LOC", "B-PER", "I-PER"])


def make(tags=TAGS, **options):
    torch.manual_seed(0)
    embedding = RandomVectors(embedding_dim=6, std=1.0).module(SOURCE)
    encoder = RecurrentEncoder(
        embedding, lambda size: LSTM(size, hidden_size=12), bidirectional=True
    )
    return encoder, Tag(encoder, Spec(SOURCE, tags, "tags"), **options)


def batch(extra=0, noise=0):
    inputs = torch.tensor([[2, 3, 4, 2], [3, 2, 0, 0], [4, 0, 0, 0]])
    target = torch.tensor([[0, 1, 2, 3], [1, 3, IGNORE, IGNORE], [4] + 3 * [IGNORE]])
    inputs = torch.cat([inputs, torch.zeros(3, extra, dtype=torch.long)], dim=1)
    target = torch.cat([target, torch.full((3, extra), IGNORE)], dim=1)
    lengths = torch.tensor([4, 2, 1])
    beyond = torch.arange(inputs.shape[1]) >= lengths.unsqueeze(1)
    return Batch(inputs.masked_fill(beyond, noise), lengths, target)


def run(encoder, data):
    return encoder(data.inputs, data.lengths)


def spoken(task, sentences):
    """What an encoder would have to say for these tags (head as the identity)."""
    with torch.no_grad():
        task.head.weight.copy_(torch.eye(*task.head.weight.shape))
        task.head.bias.zero_()
    lengths = torch.tensor([len(sentence) for sentence in sentences])
    outputs = torch.zeros(len(sentences), int(lengths.max()), task.head.in_features)
    for row, sentence in enumerate(sentences):
        for step, tag in enumerate(sentence):
            outputs[row, step, task.tags.index(tag)] = 1.0
    return Encoded(outputs, outputs[:, 0], (outputs[:, 0],), lengths)


def tagged(task, sentences):
    steps = max(map(len, sentences))
    rows = [[task.tags.index(t) for t in s] + [IGNORE] * (steps - len(s)) for s in sentences]
    lengths = torch.tensor([len(sentence) for sentence in sentences])
    return Batch(torch.full((len(sentences), steps), 2), lengths, torch.tensor(rows))


def test_loss_is_the_mean_over_steps_with_a_target():
    encoder, task = make()
    data = batch()
    data.target[0, 1] = IGNORE  # inside of a sequence, as in the copying task
    encoded = run(encoder, data)
    terms = []
    for row, targets in zip(task.logits(encoded).tolist(), data.target.tolist(), strict=True):
        for step, target in zip(row, targets, strict=True):
            if target != IGNORE:
                terms.append(math.log(sum(math.exp(x) for x in step)) - step[target])
    assert task.units(data) == len(terms) == 6
    assert task.loss(encoded, data).item() == pytest.approx(sum(terms) / len(terms), rel=1e-5)


def test_padding_has_no_influence():
    encoder, task = make()
    plain, padded = batch(), batch(extra=3, noise=4)
    torch.testing.assert_close(
        task.loss(run(encoder, plain), plain), task.loss(run(encoder, padded), padded)
    )
    assert task.predict(run(encoder, plain)) == task.predict(run(encoder, padded))
    scores = []
    for data in (plain, padded):
        task.update(run(encoder, data), data)
        scores.append(task.compute())
    assert scores[0] == scores[1]


@pytest.mark.parametrize("metric", ["entity", "accuracy"])
def test_learns_a_batch_by_heart(metric):
    encoder, task = make(metric=metric)
    optimizer = torch.optim.Adam([*encoder.parameters(), *task.parameters()], lr=0.03)
    data = batch()
    for _ in range(80):
        optimizer.zero_grad()
        task.loss(run(encoder, data), data).backward()
        optimizer.step()
    gold = [["O", "B-LOC", "I-LOC", "B-PER"], ["B-LOC", "B-PER"], ["I-PER"]]
    expected = [valid_iob2(row) for row in gold] if metric == "entity" else gold
    assert task.predict(run(encoder, data)) == expected
    task.update(run(encoder, data), data)
    assert set(task.compute().values()) == {1.0}


SENTENCE = st.lists(st.sampled_from(TAGS.tokens), min_size=1, max_size=6)


@settings(deadline=None)
@given(st.lists(st.tuples(SENTENCE, st.randoms()), min_size=1, max_size=5), st.integers(0, 5))
def test_metrics_over_batches_are_those_of_what_predict_writes(draws, cut):
    gold = [valid_iob2(sentence) for sentence, _ in draws]
    said = [[random.choice([t, *TAGS.tokens]) for t in s] for s, random in draws]
    _, task = make()
    written = []
    for part in (slice(0, cut), slice(cut, None)):
        if gold[part]:
            encoded = spoken(task, said[part])
            task.update(encoded, tagged(task, gold[part]))
            written += task.predict(encoded)
    assert written == [valid_iob2(sentence) for sentence in said]
    scores = task.compute()
    assert scores["f1"] == pytest.approx(seqeval.f1_score(gold, written, zero_division=0), abs=1e-6)
    assert scores["accuracy"] == pytest.approx(seqeval.accuracy_score(gold, written), abs=1e-6)


def test_metrics_start_anew_after_compute():
    _, task = make()
    task.update(spoken(task, [["O", "O"]]), tagged(task, [["B-PER", "O"]]))
    assert task.compute()["f1"] == 0.0
    task.update(spoken(task, [["B-PER", "O"]]), tagged(task, [["B-PER", "O"]]))
    assert task.compute()["f1"] == 1.0


def test_plain_tags_are_counted_and_not_mended():
    _, task = make(Vocab(["NN", "VB", "O"]), metric="accuracy")
    said = [["NN", "VB", "VB"], ["O"]]
    task.update(spoken(task, said), tagged(task, [["NN", "VB", "NN"], ["VB"]]))
    assert task.compute() == {"accuracy": 0.5}
    assert task.predict(spoken(task, said)) == said


@pytest.mark.parametrize(("metric", "monitor"), [("entity", "f1"), ("accuracy", "accuracy")])
def test_monitors_a_metric_that_it_reports(metric, monitor):
    _, task = make(metric=metric)
    assert (task.monitor, task.mode) == (monitor, "max")
    task.update(spoken(task, [["O"]]), tagged(task, [["O"]]))
    assert monitor in task.compute()


def test_entities_need_iob_tags():
    with pytest.raises(ConfigError, match=r"^task\.metric: .*'NN'; choose accuracy$"):
        make(Vocab(["O", "B-LOC", "NN"]))


def test_renders_conll_columns():
    _, task = make()
    text = task.render(["New", "York", "!"], ["B-LOC", "I-LOC", "O"])
    assert text == "New B-LOC\nYork I-LOC\n! O\n"
    assert task.render(["cut", "here"], ["B-PER"]) == "cut B-PER\nhere O\n"
    assert task.render([], task.empty()) == ""


def test_checkpoint_holds_weights_alone():
    _, task = make()
    assert set(task.state_dict()) == {"head.weight", "head.bias"}


# --- outputs: softmax and CRF, free and constrained

BIOES_TAGS = Vocab(["O", *(f"{part}-{kind}" for kind in ("LOC", "PER") for part in "BIES")])
OUTPUTS = [(output, free) for output in ("softmax", "crf") for free in (True, False)]


@pytest.mark.parametrize(("output", "free"), OUTPUTS)
@pytest.mark.parametrize("scheme", ["iob2", "bioes"])
def test_every_output_learns_a_batch_by_heart(output, free, scheme):
    gold = [["O", "B-LOC", "I-LOC", "B-PER"], ["B-LOC", "B-PER"], ["B-PER"]]
    vocab, learnt = TAGS, gold
    if scheme == "bioes":
        vocab, learnt = BIOES_TAGS, [to_bioes(row) for row in gold]
    encoder, task = make(vocab, output=output, constrained=not free)
    data = batch()
    data = Batch(data.inputs, data.lengths, tagged(task, learnt).target)
    optimizer = torch.optim.Adam([*encoder.parameters(), *task.parameters()], lr=0.03)
    for _ in range(80):
        optimizer.zero_grad()
        task.loss(run(encoder, data), data).backward()
        optimizer.step()
    encoded = run(encoder, data)
    assert task.predict(encoded) == gold
    assert [len(row) for row in task.confidence(encoded)] == [4, 2, 1]
    assert min(min(row) for row in task.confidence(encoded)) > 0.5
    task.update(encoded, data)
    assert set(task.compute().values()) == {1.0}


@pytest.mark.parametrize(("output", "free"), OUTPUTS)
def test_padding_has_no_influence_on_any_output(output, free):
    encoder, task = make(output=output, constrained=not free)
    plain, padded = run(encoder, batch()), run(encoder, batch(extra=3, noise=4))
    torch.testing.assert_close(task.loss(plain, batch()), task.loss(padded, batch(extra=3)))
    assert task.predict(plain) == task.predict(padded)
    for one, two in zip(task.confidence(plain), task.confidence(padded), strict=True):
        assert one == pytest.approx(two, abs=1e-6)


@settings(deadline=None)
@given(st.lists(st.lists(st.sampled_from(BIOES_TAGS.tokens), min_size=1, max_size=6), min_size=1))
def test_constrained_softmax_says_what_is_valid_and_scores_best(said):
    """Of all valid sequences the one with most steps right; a valid one as it is."""
    _, task = make(BIOES_TAGS, constrained=True)
    encoded = spoken(task, said)
    decoded = task.output.decode(task.logits(encoded), encoded.lengths)
    for row, sentence in zip(decoded.tolist(), said, strict=True):
        tags = [task.tags[index] for index in row[: len(sentence)]]
        assert bioes_error(tags) is None
        if bioes_error(sentence) is None:
            assert tags == sentence


@settings(deadline=None)
@given(st.data())
def test_bioes_scores_are_those_of_the_same_entities_in_iob2(data):
    gold = data.draw(st.lists(SENTENCE.map(valid_iob2), min_size=1, max_size=4))
    said = [
        valid_iob2(data.draw(st.lists(st.sampled_from(TAGS.tokens), min_size=n, max_size=n)))
        for n in map(len, gold)
    ]
    _, open_task = make()
    _, closed_task = make(BIOES_TAGS)
    open_task.update(spoken(open_task, said), tagged(open_task, gold))
    closed = [[to_bioes(row) for row in rows] for rows in (said, gold)]
    closed_task.update(spoken(closed_task, closed[0]), tagged(closed_task, closed[1]))
    assert open_task.compute() == closed_task.compute()
    assert closed_task.predict(spoken(closed_task, closed[0])) == said


def test_confidence_is_the_probability_of_the_predicted_tag():
    encoder, task = make()
    encoded = run(encoder, batch())
    shares = task.logits(encoded).softmax(2).max(2).values
    for row, found in zip(shares.tolist(), task.confidence(encoded), strict=True):
        assert found == pytest.approx(row[: len(found)])
    encoder, task = make(output="crf", constrained=True)
    encoded = run(encoder, batch())
    marginals = task.output.crf.marginals(task.logits(encoded), encoded.lengths)
    decoded = task.output.crf.decode(task.logits(encoded), encoded.lengths)
    for row, found in enumerate(task.confidence(encoded)):
        expected = [marginals[row, t, decoded[row, t]].item() for t in range(len(found))]
        assert found == pytest.approx(expected)


def test_a_crf_needs_a_tag_at_every_step():
    encoder, task = make(output="crf")
    data = batch()
    data.target[0, 1] = IGNORE
    with pytest.raises(ConfigError, match=r"^task\.output: crf needs a tag .*choose softmax$"):
        task.loss(run(encoder, data), data)


def test_constraints_need_entity_tags():
    with pytest.raises(ConfigError, match=r"^task\.constrained: true needs .*'NN'; choose false$"):
        make(Vocab(["O", "B-LOC", "NN"]), metric="accuracy", constrained=True)
    make(Vocab(["O", "B-NP", "I-NP"]), metric="accuracy", constrained=True)


def test_checkpoint_of_a_crf_holds_its_potentials():
    _, task = make(output="crf", constrained=True)
    potentials = {f"output.crf.{name}" for name in ("start", "transitions", "end")}
    assert set(task.state_dict()) == {"head.weight", "head.bias"} | potentials


def test_a_weighted_loss_by_hand(monkeypatch):
    """Steps of p(gold) 1/2, 1/4, 1/2 and weights 1, 4, 1: (ln 2 + 4 ln 4 + ln 2) / 6."""
    _, task = make(class_weights=[1, 4, 1, 1, 1])
    task.set_rival(torch.tensor([1, 1, 1, 1, 1]))
    other = torch.tensor([[1 / 2, 1 / 4, 1 / 12, 1 / 12, 1 / 12]]).log()
    target = torch.tensor([[0, 1, IGNORE], [IGNORE, 0, IGNORE]])
    data = Batch(torch.tensor([[2, 3, 4], [2, 2, 0]]), torch.tensor([3, 2]), target)
    encoded = Encoded(torch.zeros(2, 3, 12), torch.zeros(2, 12), (), data.lengths)
    monkeypatch.setattr(task, "logits", lambda encoded: other.expand(2, 3, 5))
    assert task.loss(encoded, data).item() == pytest.approx(10 * math.log(2) / 6)
    assert task.units(data).item() == 6


def test_a_weighted_loss_of_a_split_is_the_same_however_it_is_cut():
    encoder, task = make(class_weights="balanced")
    task.set_rival(torch.tensor([8, 2, 1, 4, 0]))
    data = batch()
    rows = [
        Batch(data.inputs[r : r + 1], data.lengths[r : r + 1], data.target[r : r + 1])
        for r in range(3)
    ]
    whole = task.loss(run(encoder, data), data) * task.units(data)
    parts = sum(task.loss(run(encoder, each), each) * task.units(each) for each in rows)
    torch.testing.assert_close(parts, whole)
    assert task.remarks("train", Targets())[0].startswith("weights of the tags in the losses: O 0.")
    assert not task.remarks("val", Targets())


class Targets:
    """Examples, as far as a task asks them."""

    def target_ids(self):
        return torch.zeros(1).numpy()


def test_a_crf_has_no_weights_of_tags():
    with pytest.raises(ConfigError, match=r"^task\.class_weights: task\.output=crf scores whole"):
        make(output="crf", class_weights="balanced")
