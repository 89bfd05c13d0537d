"""No training step looks at a value on its device, where a GPU would make the host wait.

Tensors on the `meta` device have no values: whatever asks for one fails, and all else runs as it
does on a GPU, with torch's own kernels. Counting on a real GPU is what scripts/gpu_check.py does.
"""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from lightning import Trainer

from rnnlab.data.examples import BatchLoader, Examples
from rnnlab.data.ragged import Ragged
from rnnlab.data.spec import Spec
from rnnlab.data.tokenizer import Tokenizer
from rnnlab.data.vocab import END, PAD, START, UNK, Vocab
from rnnlab.diagnostics.weight_flow import gradient_norms
from rnnlab.layers.gru import GRU
from rnnlab.layers.lstm import LSTM
from rnnlab.layers.rnn import RNN
from rnnlab.nn.embedding import RandomVectors
from rnnlab.nn.recurrent import RecurrentEncoder
from rnnlab.tasks.classify import Classify
from rnnlab.tasks.regress import Regress
from rnnlab.tasks.tag import Tag
from rnnlab.tasks.translate import Translate
from rnnlab.training.module import SequenceModule

WORDS = Vocab([PAD, UNK, START, END, *"abcdefgh"])
TAGS = Vocab(["O", "B-X", "I-X"])
COUNT = 12


def ragged(seed):
    rng = np.random.default_rng(seed)
    sizes = rng.integers(3, 9, size=COUNT)
    return Ragged.from_lists(rng.integers(4, len(WORDS), size=n) for n in sizes)


def tagged(inputs):
    return Ragged(inputs.values % len(TAGS), inputs.offsets)


TASKS = {
    "classify": (Classify, Spec(WORDS, Vocab(["no", "yes"]), "label"), np.arange(COUNT) % 2),
    "regress": (Regress, Spec(WORDS, 2, "values"), np.ones((COUNT, 2), dtype=np.float32)),
    "tag": (Tag, Spec(WORDS, TAGS, "tags"), tagged(ragged(0))),
    "translate": (
        Translate,
        Spec(WORDS, WORDS, "tokens", target_tokenizer=Tokenizer("space")),
        ragged(1),
    ),
}


def made(task, cell, **options):
    kind, spec, target = TASKS[task]
    examples = Examples(ragged(0), target)
    batch = next(iter(BatchLoader(examples, COUNT, shuffle=True, seed=1)))
    encoder = RecurrentEncoder(
        RandomVectors(embedding_dim=4).module(WORDS),
        partial(cell, hidden_size=5),
        num_layers=2,
        bidirectional=True,
        dropout=0.1,
        word_dropout=0.1,
        weight_dropout=0.1,
        variational_dropout=True,
    )
    optimizer = partial(torch.optim.Adam, lr=0.1)
    module = SequenceModule(
        encoder, kind(encoder, spec, **options), optimizer=optimizer, scheduler=None, stamp={}
    )
    module.trainer = Trainer(
        accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False
    )
    return module, batch


@pytest.mark.parametrize(
    ("task", "cell", "options"),
    [
        ("classify", LSTM, {}),
        ("regress", RNN, {}),
        ("tag", GRU, {}),
        ("tag", LSTM, {"output": "crf"}),
        *[("translate", cell, {}) for cell in (RNN, LSTM, GRU)],  # the decoder starts from a state
        *[("translate", partial(cell, kernel="bptt"), {}) for cell in (RNN, LSTM, GRU)],
        ("classify", partial(GRU, kernel="scan"), {}),
        ("tag", partial(GRU, precision="bf16"), {}),
        ("translate", partial(LSTM, precision="fp16"), {}),
    ],
)
def test_a_training_step_asks_for_no_value(task, cell, options):
    module, batch = made(task, cell, **options)
    assert len(set(batch.lengths.tolist())) > 1
    module.to("meta")
    batch = batch.to("meta")
    optimizer = module.configure_optimizers()
    module.training_step(batch, 0).backward()
    module.configure_gradient_clipping(optimizer, 1.0)
    norms = gradient_norms(module)
    optimizer.step()
    assert module.last_loss.device.type == "meta"
    assert len(norms) > 10
    assert all(norm.device.type == "meta" for norm in norms.values())


def test_an_asked_value_would_be_noticed():
    with pytest.raises((RuntimeError, NotImplementedError)):
        torch.ones(3, device="meta").sum().item()
    with pytest.raises((RuntimeError, NotImplementedError)):
        torch.ones(3, device="meta")[torch.ones(3, device="meta") > 0]


def test_the_number_of_target_tokens_is_not_needed_for_the_loss():
    """A batch made by hand has none; what is known can only save the waiting."""
    module, batch = made("translate", GRU)
    module.eval()
    assert batch.target_tokens == int(batch.target_lengths.sum())
    uncounted = replace(batch, target_tokens=None)
    assert torch.equal(module.training_step(batch, 0), module.training_step(uncounted, 0))
