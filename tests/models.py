"""Small models for every kind of target, and batches for them."""

import torch
from torch import nn

from rnnlab.data.batch import IGNORE, Batch
from rnnlab.data.spec import Spec
from rnnlab.data.tokenizer import Tokenizer
from rnnlab.data.vocab import END, PAD, START, UNK, Vocab
from rnnlab.layers.gru import GRU
from rnnlab.layers.lstm import LSTM
from rnnlab.layers.rnn import RNN
from rnnlab.tasks.classify import Classify
from rnnlab.tasks.tag import Tag
from rnnlab.tasks.translate import Translate

WORDS = Vocab([PAD, UNK, START, END, *"abcd"])
SPACE = Tokenizer("space")
CELLS = {"rnn": RNN, "lstm": LSTM, "gru": GRU}
SHAPES = {"ragged": [5, 2, 1, 4], "equal": [4, 4], "one": [6], "short": [1, 1], "single": [1]}


class Words(nn.Embedding):
    output_size = 3


def classify(encoder):
    return Classify(encoder, Spec(WORDS, Vocab(["no", "yes"]), "label"))


def tag(encoder):
    return Tag(encoder, Spec(WORDS, Vocab(["O", "B-X", "I-X"]), "tags"))


def translate(attention, input_feeding=False):
    def task(encoder):
        spec = Spec(WORDS, WORDS, "tokens", target_tokenizer=SPACE)
        return Translate(
            encoder,
            spec,
            embedding_dim=3,
            num_layers=2,
            attention=attention,
            input_feeding=input_feeding,
        )

    return task


TASKS = {
    "label": classify,
    "tags": tag,
    "attention": translate(attention="additive"),
    "bottleneck": translate(attention="none"),
}


def batch_of(lengths, kind):
    torch.manual_seed(7)
    lengths = torch.tensor(lengths)
    steps = int(lengths.max())
    beyond = torch.arange(steps) >= lengths.unsqueeze(1)
    inputs = torch.randint(4, len(WORDS), beyond.shape).masked_fill(beyond, 0)
    if kind == "label":
        return Batch(inputs, lengths, torch.randint(2, lengths.shape))
    if kind == "tags":
        return Batch(inputs, lengths, torch.randint(3, beyond.shape).masked_fill(beyond, IGNORE))
    start, end = (torch.full((len(lengths), 1), i) for i in (WORDS.start_id, WORDS.end_id))
    words = inputs.masked_fill(beyond, IGNORE)
    target = torch.cat([start, words, torch.full_like(end, IGNORE)], dim=1)
    target[torch.arange(len(lengths)), lengths + 1] = WORDS.end_id
    return Batch(inputs, lengths, target, lengths + 2)
