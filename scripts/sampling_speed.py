"""Tokens a second of a language model that continues a text, with its states and without.

    OMP_NUM_THREADS=1 python scripts/sampling_speed.py [EXPERIMENT ...] [--after 256] [--tokens 64]

With states, as `rnnlab predict prompt=...` draws: each token is one step from what the layers keep
of those before (of attention the keys and values). Without, all of the text is read anew for each
token. The text has 256 tokens before; reading them once is not counted. The weights are those of
the start; both take the most probable token, and must agree.
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


def model_of(experiment: str, length: int) -> tuple[Model, Tensor]:
    """The untrained model of an experiment, and a text of random tokens."""
    cfg = compose_words("train", [f"experiment={experiment}"]).cfg
    torch.manual_seed(0)
    vectors = build_vectors(cfg)
    spec = build_data(cfg, vectors).spec()
    model = build_model(cfg, spec, vectors)
    model.encoder.eval()
    model.task.eval()
    return model, torch.randint(2, len(spec.source_vocab), (1, length))


def with_states(model: Model, text: Tensor, tokens: int) -> Callable[[], list[int]]:
    """As `LanguageModel.write` draws, once the text was read."""
    assert isinstance(model.task, LanguageModel)
    step, state = model.task.search(model.encoder, text)
    draw = partial(sample, max_new_tokens=tokens, sampling=GREEDY)
    return lambda: draw(step, state, text[:, -1])[0]


def without(model: Model, text: Tensor, tokens: int) -> Callable[[], list[int]]:
    """Each from the whole text so far."""
    task = model.task
    assert isinstance(task, LanguageModel)

    def draw() -> list[int]:
        whole = text
        for _ in range(tokens):
            last = model.encoder(whole, None).outputs[:, -1]
            whole = torch.cat([whole, task.logits(last).argmax(dim=1, keepdim=True)], dim=1)
        drawn: list[int] = whole[0, text.shape[1] :].tolist()
        return drawn

    return draw


def seconds(work: Callable[[], Any]) -> tuple[float, Any]:
    """The shortest of three runs' processor time, and what they give."""
    times = []
    for _ in range(3):
        start = time.process_time()
        found = work()
        times.append(time.process_time() - start)
    return min(times), found


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("experiments", nargs="*", default=EXPERIMENTS, metavar="EXPERIMENT")
    parser.add_argument("--after", type=int, default=256)
    parser.add_argument("--tokens", type=int, default=64)
    given = parser.parse_args()
    rows = []
    with torch.inference_mode():
        for name in given.experiments:
            model, text = model_of(name, given.after)
            (fast, one), (slow, two) = (
                seconds(way(model, text, given.tokens)) for way in (with_states, without)
            )
            assert one == two, "the two ways differ"
            rates = given.tokens / fast, given.tokens / slow
            rows.append([name, *(f"{rate:,.0f}" for rate in rates), f"{slow / fast:.1f}"])
    heads = ["experiment", "tokens a second", "read anew, tokens a second", "times"]
    print(markdown(heads, rows, left=1))


if __name__ == "__main__":
    main()
