import math
from functools import partial

import pytest
import sacrebleu
import torch
from torch import nn
from torch.nn import functional

from rnnlab.data.batch import IGNORE, Batch
from rnnlab.data.spec import Spec
from rnnlab.data.tokenizer import Tokenizer
from rnnlab.data.vocab import END, PAD, START, UNK, Vocab
from rnnlab.errors import ConfigError
from rnnlab.layers.gru import GRU
from rnnlab.layers.lstm import LSTM
from rnnlab.layers.rnn import RNN
from rnnlab.nn.recurrent import RecurrentEncoder
from rnnlab.tasks.translate import Translate

VOCAB = Vocab([PAD, UNK, START, END, *"abcdefgh"])
SPEC = Spec(VOCAB, VOCAB, "tokens", target_tokenizer=Tokenizer("space"))


class Words(nn.Embedding):
    output_size = 16


def build(cell=GRU, spec=SPEC, bidirectional=True, **options):
    torch.manual_seed(0)
    encoder = RecurrentEncoder(
        Words(len(VOCAB), 16), partial(cell, hidden_size=24), bidirectional=bidirectional
    )
    return encoder, Translate(encoder, spec, **{"embedding_dim": 16} | options)


def batch_of(pairs):
    sources = [torch.tensor(VOCAB.ids(source)) for source, _ in pairs]
    targets = [
        torch.tensor([VOCAB.start_id, *VOCAB.ids(target), VOCAB.end_id]) for _, target in pairs
    ]
    return Batch(
        nn.utils.rnn.pad_sequence(sources, batch_first=True),
        torch.tensor([len(source) for source in sources]),
        nn.utils.rnn.pad_sequence(targets, batch_first=True, padding_value=IGNORE),
        torch.tensor([len(target) for target in targets]),
    )


def reversals(number, seed):
    generator = torch.Generator().manual_seed(seed)
    pairs = []
    for _ in range(number):
        length = int(torch.randint(1, 6, (1,), generator=generator))
        letters = torch.randint(4, len(VOCAB), (length,), generator=generator).tolist()
        source = [VOCAB.tokens[i] for i in letters]
        pairs.append((source, source[::-1]))
    return pairs


def train(encoder, task, batches):
    optimizer = torch.optim.Adam([*encoder.parameters(), *task.parameters()], lr=1e-2)
    for batch in batches:
        loss = task.loss(encoder(batch.inputs, batch.lengths), batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return float(loss.detach())


@torch.no_grad()
def evaluate(encoder, task, batch, split="test", texts=None):
    encoder.eval(), task.eval()
    task.start(split, texts)
    task.update(encoder(batch.inputs, batch.lengths), batch)
    return task.compute()


@pytest.mark.parametrize(
    ("cell", "attention"),
    [(RNN, "additive"), (LSTM, "none"), (GRU, "general"), (GRU, "dot"), (GRU, "scaled")],
)
def test_learns_to_reverse_by_heart(cell, attention):
    equal = attention in ("dot", "scaled")  # outputs of one size
    encoder, task = build(cell, bidirectional=not equal, attention=attention)
    pairs = reversals(12, seed=1)
    assert train(encoder, task, [batch_of(pairs)] * 250) < 0.02
    encoder.eval(), task.eval()
    batch = batch_of(pairs)
    with torch.no_grad():
        predicted = task.predict(encoder(batch.inputs, batch.lengths))
    assert predicted == [" ".join(target) for _, target in pairs]
    metrics = evaluate(encoder, task, batch)
    assert metrics["bleu"] == pytest.approx(100)
    assert 1 <= metrics["perplexity"] < 1.02


def test_reverses_what_it_has_never_seen():
    encoder, task = build(LSTM)
    train(encoder, task, (batch_of(reversals(32, seed)) for seed in range(250)))
    unseen = batch_of(reversals(100, seed=1000))
    assert evaluate(encoder, task, unseen)["bleu"] > 90


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_loss_is_the_mean_over_real_target_tokens(smoothing):
    encoder, task = build(label_smoothing=smoothing)
    batch = batch_of([("abc", "dc"), ("e", "fghab"), ("gg", "")])
    encoded = encoder(batch.inputs, batch.lengths)
    terms = []
    for row, length in enumerate(batch.target_lengths.tolist()):
        tokens = batch.target[row : row + 1, : length - 1]
        alone = encoder(batch.inputs[row : row + 1], batch.lengths[row : row + 1])
        log_probs = task.decoder.output(task.decoder(alone, tokens)).log_softmax(-1)[0]
        for step, label in enumerate(batch.target[row, 1:length].tolist()):
            true, uniform = -log_probs[step, label], -log_probs[step].mean()
            terms.append((1 - smoothing) * true + smoothing * uniform)
    assert int(task.units(batch)) == len(terms) == 10
    torch.testing.assert_close(task.loss(encoded, batch), torch.stack(terms).mean())


def test_metrics_cover_all_batches_and_then_start_anew():
    encoder, task = build(label_smoothing=0.1)
    pairs = reversals(20, seed=3)
    train(encoder, task, [batch_of(pairs)] * 25)
    encoder.eval(), task.eval()
    task.start("test", None)
    texts, nll, units = [], 0.0, 0
    with torch.no_grad():
        for batch in (batch_of(pairs[:15]), batch_of(pairs[15:])):
            encoded = encoder(batch.inputs, batch.lengths)
            task.update(encoded, batch)
            texts += task.predict(encoded)
            logits = task.decoder.output(task.decoder(encoded, batch.target[:, :-1].clamp(min=0)))
            labels = batch.target[:, 1:].flatten()
            nll += float(functional.cross_entropy(logits.flatten(0, 1), labels, reduction="sum"))
            units += int(task.units(batch))
    expected = sacrebleu.corpus_bleu(texts, [[" ".join(target) for _, target in pairs]]).score
    metrics = task.compute()
    assert 0 < metrics["bleu"] < 100
    assert metrics["bleu"] == metrics["bleu_lower"] == expected
    assert metrics["perplexity"] == pytest.approx(math.exp(nll / units), rel=1e-5)
    assert set(metrics) == {"bleu", "bleu_lower", "perplexity"}
    assert task.monitor in metrics
    again = evaluate(encoder, task, batch_of(pairs))
    assert again == pytest.approx(metrics)


def test_an_interrupted_evaluation_leaves_nothing_behind():
    encoder, task = build()
    clean = evaluate(encoder, task, batch_of(reversals(5, seed=1)))
    other = batch_of(reversals(5, seed=2))
    task.start("val", None)
    with torch.no_grad():
        task.update(encoder(other.inputs, other.lengths), other)
    assert evaluate(encoder, task, batch_of(reversals(5, seed=1))) == clean


def test_references_are_the_texts_in_the_order_of_the_batches():
    encoder, task = build()
    first, second = batch_of(reversals(3, seed=1)), batch_of(reversals(2, seed=2))
    texts = ["Eins .", "Zwei .", "Drei .", "Vier .", "Fünf ."]
    task.start("val", texts)
    with torch.no_grad():
        task.update(encoder(first.inputs, first.lengths), first)
        task.update(encoder(second.inputs, second.lengths), second)
        assert task.text_scores._references == texts
        with pytest.raises(RuntimeError, match="5 reference texts, at least 8 wanted"):
            task.update(encoder(first.inputs, first.lengths), first)


def test_text_and_not_tokens_is_the_reference():
    """A word that the vocabulary lacks is `<unk>` among the tokens, and never a match."""
    encoder, task = build()
    pairs = [("abcdefgh", "abcdefgh")] * 2
    train(encoder, task, [batch_of(pairs)] * 80)
    batch = batch_of([("abcdefgh", ["a", "b", "c", "d", "e", "f", "g", "Haus"])])
    joined = evaluate(encoder, task, batch)
    assert task.predict(encoder(batch.inputs, batch.lengths)) == ["a b c d e f g h"]
    assert joined["bleu"] < 100
    given = evaluate(encoder, task, batch, texts=["A b c d e f g h"])
    assert given["bleu"] < given["bleu_lower"] == pytest.approx(100)


def test_validation_searches_less_than_test(monkeypatch):
    encoder, task = build(num_beams=4, val_num_beams=1)
    rows = []
    search = task.decoder.search

    def counting(encoded):
        step, state = search(encoded)

        def counted(tokens, state):
            rows.append(len(tokens))
            return step(tokens, state)

        return counted, state

    monkeypatch.setattr(task.decoder, "search", counting)
    batch = batch_of(reversals(3, seed=1))
    for split, expected in (("val", 3), ("test", 12)):
        rows.clear()
        evaluate(encoder, task, batch, split)
        assert rows[0] == expected


def test_neither_padding_nor_start_is_ever_written():
    encoder, task = build(num_beams=3)
    batch = batch_of(reversals(4, seed=1))
    with torch.no_grad():
        task.decoder.output.bias[[VOCAB.tokens.index(PAD), VOCAB.start_id]] = 1e3
        predicted = task.predict(encoder(batch.inputs, batch.lengths))
    assert not {PAD, START, END} & set(" ".join(predicted).split())


def test_length_is_bounded_by_the_source():
    encoder, task = build(max_ratio=1.5)
    with torch.no_grad():
        task.decoder.output.bias[VOCAB.end_id] = -1e3  # never ends by itself
        batch = batch_of([("a", "b"), ("abcde", "c")])
        predicted = task.predict(encoder(batch.inputs, batch.lengths))
    assert [len(text.split()) for text in predicted] == [1 + 10, 7 + 10]


def test_a_prediction_is_the_text_itself():
    characters = Tokenizer("char")
    encoder, task = build(spec=Spec(VOCAB, VOCAB, "tokens", target_tokenizer=characters))
    train(encoder, task, [batch_of([("ab", "cab"), ("ba", "")])] * 80)
    encoder.eval(), task.eval()
    batch = batch_of([("ab", "a"), ("ba", "a")])
    assert task.predict(encoder(batch.inputs, batch.lengths)) == ["cab", ""]
    assert task.render(["a", "b"], "cab") == "cab"
    assert task.empty() == ""
    assert task.signatures()["bleu_lower"].startswith("nrefs:1|case:lc")


def test_the_n_best_have_the_scores_of_teacher_forcing():
    encoder, task = build(length_penalty=0.7, input_feeding=True)
    train(encoder, task, [batch_of(reversals(12, seed=1))] * 20)
    encoder.eval(), task.eval()
    batch = batch_of([("abc", "a"), ("gh", "a")])
    with torch.no_grad():
        encoded = encoder(batch.inputs, batch.lengths)
        several = task.searcher(4, 6)(encoded)
        (narrow,) = zip(*task.searcher(1, None)(encoded), strict=True)
        assert [found.text for found in narrow] == task.predict(encoded)
        for row, found in enumerate(several):
            assert len({each.text for each in found}) == 4
            assert [each.score for each in found] == sorted((s for _, s in found), reverse=True)
            alone = encoder(batch.inputs[row : row + 1, : 3 - row], None)
            for text, score in found:
                ids = [VOCAB.start_id, *VOCAB.ids(text.split()), VOCAB.end_id]
                logits = task.decoder.output(task.decoder(alone, torch.tensor([ids[:-1]])))[0]
                total = logits.log_softmax(-1)[range(len(ids) - 1), ids[1:]].sum()
                assert score == pytest.approx(float(total) / (len(ids) - 1) ** 0.7, abs=1e-4)


def test_more_are_wanted_than_the_beam_finds():
    _, task = build(num_beams=3)
    with pytest.raises(ConfigError) as error:
        task.searcher(4, None)
    assert str(error.value) == (
        "num_return_sequences: 4 is more than a search with num_beams=3 finds; choose num_beams=4"
    )


def test_data_without_texts():
    with pytest.raises(ConfigError, match="targets are texts"):
        build(spec=Spec(VOCAB, VOCAB, "tokens"))
