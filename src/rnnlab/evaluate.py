"""Test metrics of a trained model, on its own data or on other data of its kind."""

import json
import sys
from pathlib import Path

from lightning import seed_everything

from rnnlab.build import build_module
from rnnlab.checkpoint import find_checkpoint, read_checkpoint
from rnnlab.composing import compose_words, override_values, parse
from rnnlab.conclude import evaluate_split
from rnnlab.data.base import SequenceData
from rnnlab.launch import Words
from rnnlab.predict import restore
from rnnlab.prepare import limit_memory, make_trainer, quiet
from rnnlab.trust import make
from rnnlab.validate import validate


def evaluate_words(words: list[str]) -> dict[str, float]:
    """`rnnlab evaluate`: print the test metrics as JSON, and return them.

    Raises:
        ConfigError, DataError, CheckpointError: Something that the user can mend.
    """
    quiet()
    limit_memory()
    given = Words.split(words)
    overrides = parse(given.overrides)
    other_data = any(override.key_or_group == "data" for override in overrides)
    of_data = [o.input_line or "" for o in overrides if o.key_or_group.startswith("data.")]
    kept = [
        o.input_line or ""
        for o in overrides
        if other_data or not o.key_or_group.startswith("data.")
    ]
    composed = compose_words("evaluate", kept, given.search)
    cfg = composed.cfg
    given.use_current_folder(cfg)
    checkpoint = read_checkpoint(find_checkpoint(cfg["checkpoint"]), cfg["trust"])
    # a bar would stand in the way of a program that reads the JSON
    bar = cfg["trainer"].get("enable_progress_bar", True) and sys.stdout.isatty()
    trainer = {**cfg["trainer"], "enable_progress_bar": bar}
    said = {override.key_or_group for override in overrides}
    for key in ("precision", "limit_test_batches"):  # else the run's figures would not come again
        if f"trainer.{key}" not in said and "trainer" not in said:
            trainer[key] = checkpoint.cfg["trainer"].get(key)
    full = {**checkpoint.cfg, "trainer": trainer, "logger": None}
    choices = {**checkpoint.choices}
    if other_data:
        full["data"] = cfg["data"]
        choices["data"] = composed.choices["data"]
    else:
        full = override_values(full, of_data)
    validate(full, choices)
    seed_everything(full["seed"], workers=False, verbose=False)
    spec, model = restore(checkpoint)
    data: SequenceData = make(full["data"], full["trust"])
    data.reuse(spec)
    module = build_module(full, choices, spec, model)
    results = evaluate_split(make_trainer(full, Path.cwd(), []), module, data)
    answer = {"checkpoint": str(checkpoint.path), "test": results}
    print(json.dumps(answer | {"scorers": model.task.signatures()}, indent=2))
    return results
