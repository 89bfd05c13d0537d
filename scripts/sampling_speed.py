"""Tokens a second of a language model that continues a text, with its states and without.

    OMP_NUM_THREADS=1 python scripts/sampling_speed.py [EXPERIMENT ...] [--tokens 256]

With states, as `rnnlab predict prompt=...` draws: each token is one step from what the layers keep
of those before (of attention the keys and values). Without, all of the text is read anew for each
token. The weights are those of the start; both take the most probable token, and must agree.
"""

import argparse
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from rnnlab.config.compose import compose_words
from rnnlab.nn.sampling import Sampling, sample
from rnnlab.runs.build import Model, build_data, build_model, build_vectors
from rnnlab.tasks.language_model import LanguageModel
from tabular import markdown

EXPERIMENTS = ("charlm_shakespeare", "gpt_shakespeare")
GREEDY = Sampling(0.0)


def model_of(experiment: str, prompt: str) -> tuple[Model, Tensor]:
    """The untrained model of an experiment, and the ids of a prompt."""
    cfg = compose_words("train", [f"experiment={experiment}"]).cfg
    torch.manual_seed(0)
    vectors = build_vectors(cfg)
    spec = build_data(cfg, vectors).spec()
    model = build_model(cfg, spec, vectors)
    model.encoder.eval()
    model.task.eval()
    assert spec.source_tokenizer is not None
    return model, torch.tensor([spec.source_vocab.ids(spec.source_tokenizer.split(prompt))])


def with_states(model: Model, prompt: Tensor, tokens: int) -> list[int]:
    """As `LanguageModel.write` draws."""
    assert isinstance(model.task, LanguageModel)
    step, state = model.task.search(model.encoder, prompt)
    (row,) = sample(step, state, prompt[:, -1], max_new_tokens=tokens, sampling=GREEDY)
    return row


def without(model: Model, prompt: Tensor, tokens: int) -> list[int]:
    """Each from the whole text so far."""
    assert isinstance(model.task, LanguageModel)
    text = prompt
    for _ in range(tokens):
        encoded = model.encoder(text, None)
        best = model.task.logits(encoded.outputs[:, -1]).argmax(dim=1, keepdim=True)
        text = torch.cat([text, best], dim=1)
    return text[0, prompt.shape[1] :].tolist()


def seconds(work: Callable[[], Any]) -> tuple[float, Any]:
    """The shorter of two runs' processor time, and what it gives."""
    times = []
    for _ in range(2):
        start = time.process_time()
        found = work()
        times.append(time.process_time() - start)
    return min(times), found


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("experiments", nargs="*", default=EXPERIMENTS, metavar="EXPERIMENT")
    parser.add_argument("--tokens", type=int, default=256)
    given = parser.parse_args()
    rows = []
    with torch.inference_mode():
        for name in given.experiments:
            model, prompt = model_of(name, "ROMEO:")
            (fast, one), (slow, two) = (
                seconds(partial(way, model, prompt, given.tokens)) for way in (with_states, without)
            )
            assert one == two, "the two ways differ"
            rates = given.tokens / fast, given.tokens / slow
            rows.append([name, *(f"{rate:,.0f}" for rate in rates), f"{slow / fast:.1f}"])
    heads = ["experiment", "tokens a second", "read anew, tokens a second", "times"]
    print(markdown(heads, rows, left=1))


if __name__ == "__main__":
    main()
