"""Loss, metrics and predictions of a language model, and what it can learn."""

import math
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from rnnlab.data.batch import IGNORE
from rnnlab.data.spec import Spec
from rnnlab.data.stream import Stream
from rnnlab.data.tokenizer import Tokenizer
from rnnlab.data.vocab import Vocab
from rnnlab.errors import ConfigError
from rnnlab.layers.attention import SelfAttention
from rnnlab.layers.gru import GRU
from rnnlab.nn.blocks import BlockEncoder
from rnnlab.nn.embedding import RandomVectors
from rnnlab.nn.recurrent import RecurrentEncoder
from rnnlab.nn.sampling import Sampling, sample
from rnnlab.tasks.language_model import LanguageModel, Next
from rnnlab.training.tbptt import TruncatedBPTT

VOCAB = Vocab(["<pad>", "<unk>", "a", "b", "c", "\n"])
CHARS = Spec(VOCAB, VOCAB, "next", Tokenizer("char"))
WORDS = Spec(VOCAB, VOCAB, "next", Tokenizer("space"))
IDS = np.random.default_rng(0).integers(2, 6, 50).astype(np.int32)


def make(spec=CHARS, hidden=6, size=6, tied=False, **options):
    torch.manual_seed(0)
    embedding = RandomVectors(embedding_dim=size, std=0.5).module(spec.source)
    encoder = RecurrentEncoder(embedding, partial(GRU, hidden_size=hidden), **options)
    return nn.ModuleDict(
        {"encoder": encoder, "task": LanguageModel(encoder, spec, tie_word_embeddings=tied)}
    )


@pytest.mark.parametrize("prompt", ["a", "abca", ""])
def test_a_text_goes_on_as_step_by_step(prompt):
    """Greedy, against reading the whole text anew for each token."""
    model = make().double().eval()
    encoder, task = model["encoder"], model["task"]
    generator = torch.Generator().manual_seed(0)
    draw = partial(sample, max_new_tokens=6, sampling=Sampling(0.0), generator=generator)
    (text,) = task.write(encoder, list(prompt), draw)
    ids = VOCAB.ids(prompt or "\n")
    with torch.no_grad():
        for _ in range(6):
            encoded = encoder(torch.tensor([ids]), torch.tensor([len(ids)]))
            logits = task.logits(encoded.final)[0]
            ids.append(2 + int(logits[2:].argmax()))  # neither padding nor the unknown
    assert text == prompt + "".join(VOCAB.tokens[i] for i in ids[-6:])


def make_gpt(window=None, size=6):
    """Two blocks of attention, tied vectors."""
    torch.manual_seed(0)
    embedding = RandomVectors(embedding_dim=size, std=0.5).module(VOCAB)
    cell = partial(SelfAttention, hidden_size=8, num_heads=2, window=window)
    encoder = BlockEncoder(embedding, cell, num_layers=2, model_size=6)
    task = LanguageModel(encoder, CHARS, tie_word_embeddings=True)
    for parameter in encoder.layers.parameters():  # at the start attention hardly adds anything
        nn.init.normal_(parameter, std=0.5)
    return nn.ModuleDict({"encoder": encoder, "task": task}).double().eval()


@pytest.mark.parametrize(("window", "size", "prompt"), [(None, 6, 1), (None, 4, 5), (3, 6, 7)])
def test_keys_and_values_that_are_kept_change_no_probability(window, size, prompt):
    """Continued token by token, two texts at once, against reading each anew."""
    model = make_gpt(window, size)
    encoder, task = model["encoder"], model["task"]
    tied = task.output.weight is encoder.embedding.weight
    assert tied
    ids = torch.from_numpy(IDS[:30].reshape(2, 15)).long()
    step, state = task.search(encoder, ids[:, :prompt])
    order = torch.tensor([1, 0])
    with torch.no_grad():
        for t in range(prompt, 15):
            found, state = step(ids[:, t - 1], state)
            anew = task.logits(encoder(ids[:, :t], torch.tensor([t, t])).final).log_softmax(1)
            torch.testing.assert_close(found, anew)
            ids, state = ids[order], tuple(part[order] for part in state)  # as a search does


def test_a_window_slides_over_all_of_a_text():
    """With its keys carried on, batches of any length give the probabilities of the whole."""
    model = make_gpt(window=5)
    whole = evaluate(model, IDS, bptt=49)["perplexity"]
    assert evaluate(model, IDS, bptt=7)["perplexity"] == pytest.approx(whole, rel=1e-5)
    assert evaluate(model, IDS, bptt=2)["perplexity"] == pytest.approx(whole, rel=1e-5)
    alone = evaluate(model, IDS, bptt=7, carry=False)["perplexity"]
    assert alone != pytest.approx(whole, rel=1e-3)


@pytest.mark.parametrize("stride", [None, 3, 1])
def test_evaluation_with_a_stride_against_a_slow_loop(stride):
    model = make_gpt()
    encoder, task = model["encoder"], model["task"]
    total, last = 0.0, 0
    while last < len(IDS) - 1:
        first, last = last, min(last + (stride or 7), len(IDS) - 1)
        begin = max(0, last - 7) if stride else first
        with torch.no_grad():
            encoded = encoder(torch.from_numpy(IDS[begin:last]).long().unsqueeze(0), None)
            log_probs = task.logits(encoded.outputs[0]).log_softmax(1)
        total -= sum(float(log_probs[t - begin, IDS[t + 1]]) for t in range(first, last))
    wanted = math.exp(total / (len(IDS) - 1))
    found = evaluate(model, IDS, size=1, carry=False, eval_stride=stride)
    assert found["perplexity"] == pytest.approx(wanted, rel=1e-5)


def evaluate(model, ids, bptt=7, size=3, carried=True, **options):
    carry, task = TruncatedBPTT(), model["task"]
    with torch.no_grad():
        for batch in Stream(ids, ids, bptt, **options).loader(size, shuffle=False, seed=0):
            if not carried:
                carry = TruncatedBPTT()
            task.update(carry.encode(model["encoder"], batch), batch)
    return task.compute()


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("size", [6, 4])
def test_perplexity_and_bits_per_character_against_a_slow_loop(size, tied):
    model = make(size=size, tied=tied).double()
    encoder, task = model["encoder"], model["task"]
    total, count = 0.0, 0
    steps = -(-(len(IDS) - 1) // 3)
    for first in range(0, len(IDS) - 1, steps):
        (state,) = [encoder.layers[0].initial_state(1, encoder.embedding.weight)]
        for t in range(first, min(first + steps, len(IDS) - 1)):
            x = encoder.embedding.weight[IDS[t]].unsqueeze(0)
            output, state = encoder.layers[0].step(x, state)
            probabilities = task.logits(output).softmax(dim=1)
            total -= math.log(float(probabilities[0, IDS[t + 1]].detach()))
            count += 1
    assert count == len(IDS) - 1
    found = evaluate(model, IDS)
    assert found["perplexity"] == pytest.approx(math.exp(total / count), rel=1e-6)
    assert found["bits_per_character"] == pytest.approx(total / count / math.log(2), rel=1e-6)


def test_words_have_no_bits_per_character():
    words, chars = make(WORDS), make(CHARS)
    assert evaluate(words, IDS).keys() == {"perplexity"}
    assert (words["task"].monitor, words["task"].mode) == ("perplexity", "min")
    assert (chars["task"].monitor, chars["task"].mode) == ("bits_per_character", "min")


def test_tied_weights_are_one_parameter():
    model = make(tied=True)
    assert model["task"].output.weight is model["encoder"].embedding.weight
    assert isinstance(model["task"].projection, nn.Identity)
    free = sum(p.numel() for p in make().parameters())
    assert free - sum(p.numel() for p in model.parameters()) == 6 * len(VOCAB)
    other = make(tied=True)
    other.load_state_dict(model.state_dict())
    assert other["task"].output.weight is other["encoder"].embedding.weight


def test_steps_without_a_target_do_not_count():
    model = make()
    batches = list(Stream(IDS[:48], IDS[:48], 99).loader(5, shuffle=True, seed=0))
    (batch,) = batches
    assert (batch.target == IGNORE).sum() == 3
    encoded = TruncatedBPTT().encode(model["encoder"], batch)
    logits = model["task"].logits(encoded.outputs)
    losses = [
        -logits[b, t].log_softmax(0)[y]
        for b, row in enumerate(batch.target.tolist())
        for t, y in enumerate(row)
        if y != IGNORE
    ]
    assert len(losses) == model["task"].units(batch) == 47
    torch.testing.assert_close(model["task"].loss(encoded, batch), torch.stack(losses).mean())


def test_the_next_token_is_predicted_and_shown():
    model = make().eval()
    ids, lengths = torch.tensor([[2, 3, 4], [5, 0, 0]]), torch.tensor([3, 1])
    encoded = model["encoder"](ids, lengths)
    answers = model["task"].predict(encoded)
    for row, answer in enumerate(answers):
        alone = encoded.outputs[row, lengths[row] - 1]
        probabilities = model["task"].logits(alone).softmax(0).detach()
        assert answer.token == VOCAB.tokens[int(probabilities.argmax())]
        assert answer.probability == pytest.approx(float(probabilities.max()))
    assert model["task"].render(["a"], Next("\n", 0.5)) == "\\n\t0.5000"
    assert model["task"].render(["a"], Next("é", 0.25)) == "é\t0.2500"


def test_an_encoder_that_reads_back_is_refused():
    with pytest.raises(ConfigError, match=r"encoder\.bidirectional: true would show a language"):
        make(bidirectional=True)


def test_frozen_vectors_cannot_be_tied():
    encoder = make()["encoder"]
    encoder.embedding.weight.requires_grad_(False)
    with pytest.raises(
        ConfigError, match=r"task\.tie_word_embeddings: true needs an embedding that is trained"
    ):
        LanguageModel(encoder, CHARS, tie_word_embeddings=True)


def learn(ids, *, bptt, epochs, size=4, carried=True):
    """Train on a text; bits per character of the same text afterwards, read in the same way."""
    torch.manual_seed(0)
    model = make(hidden=24, size=8)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    stream = Stream(ids, ids, bptt)
    for _ in range(epochs):
        carry = TruncatedBPTT()
        for batch in stream.loader(size, shuffle=True, seed=0):
            if not carried:
                carry = TruncatedBPTT()
            loss = model["task"].loss(carry.encode(model["encoder"], batch), batch)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
    return evaluate(model, ids, bptt, size, carried)["bits_per_character"]


def test_a_periodic_text_is_learnt_to_nearly_no_bits():
    ids = np.array([2, 3, 3, 4, 2, 5, 5, 3] * 100, dtype=np.int32)
    assert learn(ids, bptt=10, epochs=12) < 0.05


def test_a_dependency_longer_than_bptt_is_learnt_with_the_carried_state_only():
    """Every fourth letter is another one, and a batch is three steps.

    Without the state of the batch before nobody can know where in the period a batch begins. Its
    first letter is the common one in three of four cases, and the rare one follows in one of these
    three; two common ones are followed by either; three letters tell all.
    """
    ids = np.array([2, 2, 2, 3] * 60, dtype=np.int32)
    of_three = -(math.log2(1 / 3) + 2 * math.log2(2 / 3)) / 3
    bound = (3 / 4 * of_three + 1 / 2 * 1.0 + 0.0) / 3
    assert learn(ids, bptt=3, epochs=10) < 0.05
    assert bound - 0.02 < learn(ids, bptt=3, epochs=10, carried=False) < bound + 0.05


def test_penalties_of_the_training_loss_against_a_loop():
    model = make(output_dropout=0.5).double()
    encoder, task = model["encoder"], model["task"]
    (batch, *_) = Stream(IDS, IDS, 7).loader(3, shuffle=False, seed=0)
    torch.manual_seed(3)
    with torch.no_grad():
        encoded = encoder(batch.inputs, None, None, ())
        plain = task.loss(encoded, batch)
    task.activation_l2, task.temporal_l2 = 2.0, 0.5
    small, slow, steps, changes = 0.0, 0.0, 0, 0
    for row in range(encoded.outputs.shape[0]):
        for t in range(encoded.outputs.shape[1]):
            for unit in range(encoded.outputs.shape[2]):
                small += float(encoded.outputs[row, t, unit]) ** 2
                steps += 1
                if t:
                    change = encoded.raw[row, t, unit] - encoded.raw[row, t - 1, unit]
                    slow += float(change) ** 2
                    changes += 1
    expected = float(plain) + 2.0 * small / steps + 0.5 * slow / changes
    with torch.no_grad():
        assert float(task.loss(encoded, batch)) == pytest.approx(expected, rel=1e-12)
        task.eval()
        assert float(task.loss(encoded, batch)) == pytest.approx(float(plain), rel=1e-12)
