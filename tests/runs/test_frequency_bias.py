"""A new training starts from the frequencies of its targets; a checkpoint from its own weights."""

import pytest
import torch

from rnnlab.config.compose import compose_words
from rnnlab.config.trust import make
from runs import weights
from tiny import train

BIAS = {
    "translation": "task.decoder.output.bias",
    "generate": "task.decoder.output.bias",
    "language_model": "task.output.bias",
    "ner": "task.head.bias",
}


@pytest.mark.parametrize("task", BIAS)
def test_the_output_of_a_new_model_gives_the_frequencies_of_the_targets(tmp_path, task):
    made = train(tmp_path, task, "optimizer.lr=0.0", "trainer.gradient_clip_val=null")
    bias = weights(made.best)[BIAS[task]]
    counts = torch.from_numpy(
        make(compose_words("train", made.words).cfg["data"], []).target_prior()
    )
    expected = (counts + 0.5) / (counts + 0.5).sum()
    torch.testing.assert_close(bias.softmax(0), expected.to(bias.dtype))


@pytest.mark.parametrize("task", BIAS)
def test_it_can_be_switched_off_and_changes_no_random_number(tmp_path, task):
    words = ["optimizer.lr=0.0", "trainer.gradient_clip_val=null"]
    on, off = (
        weights(train(tmp_path / value, task, *words, f"task.frequency_bias={value}").best)
        for value in ("true", "false")
    )
    name = BIAS[task]
    assert float(off[name].abs().max()) < 0.4
    assert not torch.equal(on.pop(name), off.pop(name))
    weight = name.replace("bias", "weight")
    scaled, given = on.pop(weight), off.pop(weight)
    torch.testing.assert_close(scaled, given * (scaled.norm() / given.norm()))
    for key, value in off.items():
        assert torch.equal(on[key], value), key
