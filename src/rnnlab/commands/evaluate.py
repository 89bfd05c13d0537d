"""Test metrics of a trained model, on its own data or on other data of its kind."""

import sys
from collections.abc import Container
from pathlib import Path
from typing import Any

from rnnlab.commands.output import as_json, make_folder
from rnnlab.errors import ConfigError
from rnnlab.runs.build import build_module
from rnnlab.runs.devices import find_device
from rnnlab.runs.environment import limit_memory, quiet
from rnnlab.runs.finish import evaluate_split
from rnnlab.runs.report import as_lines, save_report
from rnnlab.runs.restore import open_run, restored
from rnnlab.runs.trainer import build_trainer
from rnnlab.runs.verdict import of_test


def evaluate_words(words: list[str]) -> dict[str, float]:
    """`rnnlab evaluate`: print the test metrics and a verdict on them as JSON; return the metrics.

    Raises:
        ConfigError, DataError, CheckpointError: A user error.
    """
    quiet()
    limit_memory()
    opened = open_run("evaluate", words)
    settings, checkpoint = opened.options["trainer"], opened.checkpoint
    # a program that reads the JSON wants no progress bar
    bar = settings.get("enable_progress_bar", True) and sys.stdout.isatty()
    trainer = {**settings, "enable_progress_bar": bar}
    for key in ("precision", "limit_test_batches"):  # as in training, to get the same figures
        if f"trainer.{key}" not in opened.given and "trainer" not in opened.given:
            trainer[key] = checkpoint.cfg["trainer"].get(key)
    trainer |= _hardware(opened.options["device"], opened.given)
    full = {**opened.cfg, "trainer": trainer, "logger": None}
    spec, model, data = restored(opened, full)
    module = build_module(full, opened.choices, spec, model)
    folder = None if opened.options["output"] is None else make_folder(opened.options["output"])
    tester = build_trainer(full, folder or Path.cwd(), [])
    results = evaluate_split(tester, module, data)
    answer = {"checkpoint": str(checkpoint.path), "test": results}
    answer["verdict"] = of_test(model.task, results)
    report = model.task.facts.report
    if report is not None:
        answer["report"] = report.to_dict()
    if tester.is_global_zero:
        print(as_json(answer | {"scorers": model.task.signatures()}))
    if report is not None and tester.is_global_zero:
        print("\n".join(as_lines(report)), file=sys.stderr)
        if folder is not None:
            save_report(report, tester, folder)
    return results


def _hardware(name: str, given: Container[str]) -> dict[str, Any]:
    """The trainer's options for a device; none for `auto`."""
    device = find_device(name)
    if name == "auto":
        return {}
    for key in ("trainer.accelerator", "trainer.devices"):
        if key in given:
            raise ConfigError(f"device, {key}: say one of them")
    return {
        "accelerator": device.type,
        "devices": [device.index or 0] if device.type == "cuda" else 1,
    }
