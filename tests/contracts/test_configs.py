"""Every file of `configs/` composes, is valid, and its parts fit."""

import json
import re
from dataclasses import asdict
from pathlib import Path

import pytest

from rnnlab.config.compose import compose_words
from rnnlab.config.files import choices, config_dir, read_yaml, summary
from rnnlab.config.overrides import each_value
from rnnlab.config.roots import EmbedConfig
from rnnlab.config.trust import locate
from rnnlab.config.validate import data_of_kind, validate
from rnnlab.runs.dry_build import check_fit
from tiny import call

ROOTS = {"train", "evaluate", "analyze", "embed"}


def names(group):
    return sorted(path.stem for path in (config_dir() / group).glob("*.yaml"))


def groups():
    return sorted(path.name for path in config_dir().iterdir() if path.is_dir())


def fitting(*words, here=True):
    composed = compose_words("train", words)
    validate(composed.cfg, composed.choices)
    assert check_fit(composed.cfg, training=here) == []
    return composed


def test_every_task_takes_all_data_of_its_kind():
    for task in names("task"):
        file = read_yaml(config_dir() / "task" / f"{task}.yaml")
        assert fitting(f"task={task}").choices["data"] in names("data")  # its own
        for data in data_of_kind(locate(file["task"]["_target_"]).kind):
            words = [f"task={task}", f"data={data}"]
            words += ["task.metric=accuracy"] if task == "ner" else []  # tags may be no entities
            composed = compose_words("train", words)
            validate(composed.cfg, composed.choices)
            for problem in "\n".join(check_fit(composed.cfg)).splitlines():
                # some write texts for texts, or for sound alone; files of one's own are not named
                allowed = r"task: .* needs data whose sources are \w+|data\.\w+: not given; .*"
                assert re.fullmatch(allowed, problem), words


@pytest.mark.parametrize("group", [g for g in groups() if g not in ("task", "data", "experiment")])
def test_every_choice_of_every_group(group):
    for name in names(group):
        task = "ner" if group == "characters" else "parity"
        if name.startswith("small_"):  # variants of a language model
            task = "language_model"
        # not every machine has the hardware of every trainer
        composed = fitting(f"{group}={name}", f"task={task}", here=group != "trainer")
        assert composed.choices[group] == name


def test_every_choice_is_described():
    for group in groups():
        for name, file in choices(group).items():
            assert summary(file)[:1].isupper() or summary(file).startswith("lr "), f"{group}={name}"


def test_every_group_is_on_offer():
    from rnnlab.config.compose import groups as offered

    assert offered("train") == set(groups())
    assert set(names("")) == ROOTS


@pytest.mark.parametrize("root", sorted(ROOTS - {"train", "embed"}))
def test_other_roots_compose(root):
    assert compose_words(root, ["checkpoint=x"]).cfg["checkpoint"] == "x"


def test_a_command_has_the_defaults_of_its_description():
    assert compose_words("embed", []).cfg == asdict(EmbedConfig())


@pytest.mark.parametrize("experiment", names("experiment"))
def test_every_experiment_is_fitting(experiment):
    composed = fitting(f"experiment={experiment}")
    header = (config_dir() / "experiment" / f"{experiment}.yaml").read_text()
    assert header.startswith("# @package _global_\n# ")
    assert composed.cfg["seed"] == 1


def composed_source(experiment):
    """The experiment that it starts from a run of, which a command line is to name; or None."""
    path = compose_words("train", [f"experiment={experiment}"]).cfg["encoder"].get("init_from")
    return path.removeprefix("RUN_OF_") if path else None


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.programs
@pytest.mark.parametrize("experiment", names("experiment"))
def test_every_experiment_runs(experiment, data_root, monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("RNNLAB_DATA", str(data_root))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")  # offline
    monkeypatch.chdir(tmp_path)
    limits = [f"trainer.limit_{split}_batches=2" for split in ("train", "val", "test")]
    words = [f"experiment={experiment}", *limits, "trainer.max_epochs=1", "hydra.run.dir=run"]
    swept = compose_words("train", words[:1]).swept
    if swept:  # one run of the sweep, the first
        words += [*next(each_value(swept)), "launcher=sequential", "hydra.sweep.dir=."]
        words += ["hydra.sweep.subdir=run", "trainer.val_check_interval=1.0"]
    source = composed_source(experiment)
    if source is not None:
        first = [f"experiment={source}", *limits, "trainer.max_epochs=1", "hydra.run.dir=source"]
        assert call(capsys, *first, "trainer.enable_progress_bar=false").code == 0
        words.append("encoder.init_from=source")
    said = call(capsys, *words, "trainer.accelerator=cpu", "trainer.enable_progress_bar=false")
    if said.code == 2 and "looked" in said.err:
        pytest.skip(said.err)
    assert said.code == 0, said.err
    record = json.loads(Path("run/metrics.json").read_text())
    assert record["status"] == "completed"
    assert record["test"]
    composed = compose_words("train", words[:1])
    assert bool(record["data"]) == ("root" in composed.cfg["data"])  # else it was generated
    assert (tmp_path / "run" / "checkpoints" / "best.ckpt").is_file()
