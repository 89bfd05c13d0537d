"""Mistakes in configurations: every one told, in one style, before anything is made."""

from collections import Counter
from pathlib import Path
from typing import get_args

import pytest

from rnnlab.config.compose import compose_words, groups, override_problems
from rnnlab.config.files import choices, config_dir, read_yaml
from rnnlab.config.hints import suggest
from rnnlab.config.overrides import parse
from rnnlab.config.renames import OPTIONS
from rnnlab.config.roots import TrainConfig
from rnnlab.config.schema import options
from rnnlab.config.trust import locate, shipped
from rnnlab.config.validate import data_of_kind, find_problems, validate
from rnnlab.data.spec import Kind
from rnnlab.errors import ConfigError
from tiny import call, python, refused, start, write

CELLS = ", ".join(choices("cell"))
TABLE = {
    "cell=gruu": "cell: no choice 'gruu'; did you mean 'gru'?",
    "cell.hiden_size=3": "cell.hiden_size: LSTM has no such option; did you mean 'hidden_size'?",
    "task.pooling=lst": "task.pooling: 'lst' is not one of last, mean, max, attention",
    "task=translation task.attention=true": "task.attention: 'True' is not one of additive, dot, "
    "general, scaled, none or null",
    "encoder.dropout=hi": "encoder.dropout: 'hi' is not a float of at least 0 and below 1",
    "task=ner data=imdb": "task ner needs tags; data imdb gives label. "
    f"Data with tags: {', '.join(data_of_kind('tags'))}",
    "+cell.hiden_size=3": "cell.hiden_size: LSTM has no such option; did you mean 'hidden_size'?",
    "++trainer.max_epoch=3": "trainer.max_epoch: Trainer has no such option; "
    "did you mean 'max_epochs'?",
    "+optimizer.lrr=1": "optimizer.lrr: Adam has no such option; did you mean 'lr'?",
    "encoder.bidirectional=1": "encoder.bidirectional: '1' is not true or false",
    "cell.hidden_size=8.5": "cell.hidden_size: '8.5' is not an int of at least 1",
    "cell.hidden_size=null": "cell.hidden_size: null is not an int of at least 1",
    "cell.hidden_size=[8]": "cell.hidden_size: '[8]' is not an int of at least 1",
    "cell.forget_bias=.nan": "cell.forget_bias: '.nan' is not a float or null",
    "cell.forget_bias=nan": "cell.forget_bias: nan is not a finite number",
    "cell.forget_bias=inf": "cell.forget_bias: inf is not a finite number",
    "cell.init=true": "cell.init: 'True' is not one of orthogonal, torch",
    "+cell._args_=[1]": "cell._args_: keys with an underscore are not options",
    "trainer.max_epochs=many": "trainer.max_epochs: 'many' is not one of -1 or an int of at "
    "least 1 or null",
    "embedding=glove ~embedding.path": "embedding.path: FileVectors needs a value for it",
    "logger=none logger.name=x": "logger.name: nothing is chosen here that has options",
    "scheduler=none +scheduler.gamma=0.5": "scheduler.gamma: nothing is chosen here that has "
    "options",
    "diagnostics=off diagnostics.weight_flow.every_n_steps=3": "diagnostics.weight_flow."
    "every_n_steps: nothing is chosen here that has options",
    "diagnostics.max_overhead=often": "diagnostics.max_overhead: 'often' is not a float above 0 "
    "and below 1 or null",
    "diagnostics.max_overhead=0": "diagnostics.max_overhead: '0.0' is not a float above 0 and "
    "below 1 or null",
    "diagnostics.max_overheat=0.03": "diagnostics.max_overheat: no such option; "
    "did you mean 'max_overhead'?",
    "+cell.extra.hidden=3": "cell.extra: LSTM has no such option; there are: "
    "chrono, forget_bias, hidden_size, init, kernel, precision",
    "cell.hidden_size.x=3": "cell.hidden_size: '{'x': 3}' is not an int of at least 1",
    "task.pooling=${sed}": "task.pooling: Interpolation key 'sed' not found",
}


@pytest.mark.parametrize("words", TABLE)
def test_one_line_for_one_mistake(words, capsys):
    assert refused(call(capsys, "check", *words.split())) == TABLE[words]


@pytest.mark.parametrize("word", [[], ["train"], ["check"], ["train", "-m"]])
def test_the_same_line_wherever_it_is_asked_for(word, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    said = call(capsys, *word, "cell.hiden_size=3", "task=delayed_recall")
    assert refused(said) == TABLE["cell.hiden_size=3"]
    assert not list(tmp_path.iterdir())


def test_all_mistakes_at_once(capsys):
    words = ["cell.hiden_size=3", "task.pooling=lst", "encoder.dropout=hi", "data=multi30k"]
    said = call(capsys, "check", *words)
    assert said.code == 2
    assert said.out == ""
    lines = said.err.splitlines()
    assert len(lines) == 4
    for word in words[:3]:
        assert f"rnnlab: {TABLE[word]}" in lines
    assert lines[-1] == (
        "rnnlab: task sentiment needs label; data multi30k gives tokens. "
        f"Data with label: {', '.join(data_of_kind('label'))}"
    )


def test_all_unknown_names_at_once(capsys):
    said = call(capsys, "check", "cell=gruu", "sead=3", "optimizer=adan", "embeding.size=3")
    assert said.code == 2
    assert said.err.splitlines() == [
        "rnnlab: cell: no choice 'gruu'; did you mean 'gru'?",
        "rnnlab: sead: rnnlab train has no such option; did you mean 'seed'?",
        "rnnlab: optimizer: no choice 'adan'; did you mean 'adam'?",
        "rnnlab: embeding: rnnlab train has no such option; did you mean 'embedding'?",
    ]


def test_mistakes_of_every_run_of_a_grid(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    grid = ["cell=rnn,gru", "task.pooling=last,lst", "cell.forget_bias=1"]
    said = call(capsys, "train", "-m", *grid, "task=delayed_recall")
    assert said.code == 2
    assert set(said.err.splitlines()) == {
        "rnnlab: cell.forget_bias: RNN has no such option; there are: "
        "hidden_size, init, kernel, nonlinearity, precision, recurrent_gain",
        "rnnlab: cell.forget_bias: GRU has no such option; there are: "
        "chrono, hidden_size, init, kernel, precision, update_bias",
        f"rnnlab: {TABLE['task.pooling=lst']}",
    }
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sead: 3\n", "sead: no such option; did you mean 'seed'?"),
        ("cell:\n  hiden_size: 3\n", TABLE["cell.hiden_size=3"]),
        ("encoder:\n  dropout: hi\n", TABLE["encoder.dropout=hi"]),
        ("trainer:\n  max_epoch: 3\n", TABLE["++trainer.max_epoch=3"]),
        ("checkpoint:\n  every_n_step: 3\n", "checkpoint.every_n_step: no such option; "
         "did you mean 'every_n_steps'?"),
        ("seed: x\n", "seed: 'x' is not an int of at least 0 and below 4294967296"),
        ("cell: 3\n", "cell: nothing is chosen here that has options"),
        ("defaults:\n  - override /cell: gruu\n", TABLE["cell=gruu"]),
    ],
)  # fmt: skip
def test_keys_in_a_file_of_the_users_own(text, message, capsys, tmp_path):
    write(tmp_path / "experiment" / "mine.yaml", f"# @package _global_\n{text}")
    said = call(capsys, "check", "--config-dir", tmp_path, "experiment=mine")
    assert refused(said) == message


def test_broken_yaml_of_the_users_own_names_the_line(capsys, tmp_path):
    file = write(tmp_path / "experiment" / "mine.yaml", "# @package _global_\nseed: 3\ntask: [\n")
    message = refused(call(capsys, "check", "--config-dir", tmp_path, "experiment=mine"))
    assert message.startswith(f"{file}:4: ")


@pytest.mark.parametrize("text", ["", "hidden_size: 3\n", "_target_: rnnlab.layers.lstm.LTSM\n"])
def test_a_file_without_a_component_is_no_choice(text, capsys, tmp_path):
    write(tmp_path / "cell" / "mine.yaml", text)
    assert refused(call(capsys, "check", "--config-dir", tmp_path, "cell=mine")).startswith("cell")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("seed=x", "seed: 'x' is not an int"),
        ("seed=null", "seed: null is not an int"),
        ("early_stopping.patience=soon", "early_stopping.patience: 'soon' is not an int"),
        ("checkpoint.every=3", "checkpoint.every: no such option; did you mean 'every_n_steps'?"),
        ("trust.x=3", "trust.x: trust has no options of its own"),
        ("trust=mine", "trust: 'mine' is not a list (each a text)"),
        ("cell=rnn,gru", "cell=rnn,gru: several values need -m; a list is written cell=[...]"),
        ("cell.hidden_size=[", "cell.hidden_size=[: not KEY=VALUE"),
        ("hello", "hello: not KEY=VALUE"),
        ("=3", "=3: not KEY=VALUE"),
        ("hydra.rnu.dir=x", "hydra.rnu: "),
        ("task=[ner,nerr]", "task: no choice 'nerr'; did you mean 'ner'?"),
        ("cell.hidden_size=???", "cell.hidden_size: "),
        ("cell@encoder=gru", "Could not override 'cell@encoder'"),
        ("+cell=gru", ""),
        ("cell=3", f"cell: no choice '3'; there are: {CELLS}"),
        ("cell=null", f"cell: no choice null; there are: {CELLS}"),
        ("++cell=5", "cell: no choice '5'; "),
        ("--config-dir nowhere", "--config-dir: no folder nowhere"),
        ("--mulitrun", "--mulitrun: no such flag; did you mean '--multirun'?"),
    ],
)
def test_what_hydra_refuses_is_one_line_too(words, message, capsys):
    assert refused(call(capsys, "check", *words.split())).startswith(message)


def test_values_are_texts_once_interpolated(capsys):
    r"""`\${...}` is a text with a dollar: it is not looked up later."""
    written = r"data.train=\${oc.env:HOME}/x.tsv"
    composed = compose_words("train", ["data=sentiment_files", written])
    assert composed.cfg["data"]["train"] == "${oc.env:HOME}/x.tsv"
    said = call(capsys, "train", "data=sentiment_files", written, "data.split=[0.8,0.1,0.1]")
    assert refused(said) == "${oc.env:HOME}/x.tsv: no such file"


def test_interpolations_are_followed(capsys):
    composed = compose_words("train", ["seed=7", "data=parity", "data.lag=${seed}"])
    assert composed.cfg["data"]["lag"] == composed.cfg["data"]["seed"] == 7


def test_check_prints_what_was_resolved(capsys):
    from omegaconf import OmegaConf

    said = call(capsys, "check", "task=ner", "cell=gru", "encoder.bidirectional=true", "seed=3")
    assert (said.code, said.err) == (0, "")
    cfg = OmegaConf.to_container(OmegaConf.create(said.out), resolve=False)
    assert cfg["cell"]["_target_"] == "rnnlab.layers.gru.GRU"
    assert cfg["encoder"]["bidirectional"] is True
    assert cfg["data"]["seed"] == 3
    assert "${" not in said.out
    assert validate(cfg) is None


@pytest.fixture(scope="module")
def imports(tmp_path_factory):
    """CPU seconds to import what a training needs, on this machine: what speed is measured by."""
    said = python("-c", "import torch, lightning", cwd=tmp_path_factory.mktemp("imports"))
    assert said.code == 0, said.err
    return said.seconds


@pytest.mark.parametrize(
    ("words", "share"), [("cell=gruu", 1 / 3), ("sead=3", 1 / 3), ("cell.hiden_size=3", 1.6)]
)
def test_mistakes_are_told_soon(words, share, imports, tmp_path):
    said = start("train", words, cwd=tmp_path)
    assert "Traceback" not in said.err
    assert refused(said)
    assert said.seconds < share * imports
    assert not list(tmp_path.iterdir())


def test_suggestions():
    assert suggest("hiden", ["hidden", "lag"]) == "did you mean 'hidden'?"
    assert suggest("zzz", ["b", "a"]) == "there are: a, b"
    assert suggest("zzz", []) == "it has none"


def test_all_data_has_a_kind():
    some = {
        "label": {"fsdd", "imdb", "names", "parity", "sentiment_files"},
        "tags": {"conll2003", "conll_files", "copying", "ud_english_ewt", "wikigold"},
        "tokens": {"fsdd", "multi30k", "names_of_label", "reverse"},
        "next": {"imdb_text", "ptb", "tinyshakespeare"},
        "values": {"adding"},
    }
    found = {kind: data_of_kind(kind) for kind in get_args(Kind)}
    assert all(names <= set(found[kind]) for kind, names in some.items())
    assert {name for names in found.values() for name in names} == set(choices("data"))
    several = Counter(name for names in found.values() for name in names)
    assert sorted(name for name, kinds in several.items() if kinds > 1) == [
        "audio_files",
        "fsdd",
        "table_files",
    ]
    assert all(names == sorted(names) for names in found.values())


def test_problems_do_not_hide_each_other():
    cfg = compose_words("train", ["cell.hiden_size=3"]).cfg
    cfg["optimizer"]["_target_"] = "os.system"
    cfg["data"]["_target_"] = "rnnlab.data.datasets.imdb.Nothing"
    problems = list(find_problems(cfg, {}))
    assert len(problems) == 3
    with pytest.raises(ConfigError) as caught:
        validate(cfg)
    assert str(caught.value).splitlines() == problems


def test_folders_of_the_users_own_are_found_from_anywhere(tmp_path, monkeypatch, capsys):
    write(tmp_path / "my" / "cell" / "small.yaml", "defaults: [gru]\nhidden_size: 3\n")
    monkeypatch.chdir(tmp_path)
    for given in (["--config-dir", "my"], ["--config-dir=my"], ["-cd", Path("my").resolve()]):
        said = call(capsys, "check", *given, "cell=small")
        assert said.code == 0
        assert "hidden_size: 3" in said.out
    said = call(capsys, "check", "--config-dir=my", "cell=smal")
    assert refused(said) == "cell: no choice 'smal'; did you mean 'small'?"


HERE = Path(__file__)
OLD_NAMES = {
    "predict": ("nbest", "count", "beam", "length"),
    "embed": ("size",),
    "train": [name for name in OPTIONS if "." in name],
}


def test_the_old_name_of_an_option_is_answered_with_the_new_one(capsys):
    assert {name for names in OLD_NAMES.values() for name in names} == OPTIONS.keys()
    for command, names in OLD_NAMES.items():
        words = {"predict": ["checkpoint=x"], "embed": ["corpus=imdb"], "train": []}[command]
        for name in names:
            message = refused(call(capsys, command, *words, f"{name}=3"))
            assert message == f"{name}: renamed to {OPTIONS[name]}"


def test_an_old_name_of_another_commands_option_is_unknown(capsys):
    message = refused(call(capsys, "train", "nbest=3"))
    assert message.startswith("nbest: rnnlab train has no such option; there are: averaging, ")


def test_alone_it_trains_nothing_and_prints_the_help(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    said = call(capsys)
    assert (said.code, said.err) == (0, "")
    assert said.out == call(capsys, "--help").out
    assert not any(tmp_path.iterdir())


def test_misspelt_commands_and_flags(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    table = {
        "evalute checkpoint=x": "evalute: no such command; did you mean 'evaluate'?",
        "trian": "trian: no such command; did you mean 'train'?",
        "hello": "hello: no such command; there are: analyze, check, compare, data, embed, ",
        "train hello": "hello: not KEY=VALUE",
        "train epochs=3": "epochs: rnnlab train has no such option; did you mean "
        "'trainer.max_epochs'?",
        "check device=cuda": "device: rnnlab train has no such option; did you mean "
        "'trainer.accelerator'?",
        "check lr=3": "lr: rnnlab train has no such option; did you mean 'optimizer.lr'?",
        "check cell=GRU": "cell: no choice 'GRU'; did you mean 'gru'?",
        "check lag=3": "lag: rnnlab train has no such option; did you mean 'data.lag'?",
        "train trainer.epochs=3": "trainer.epochs: Trainer has no such option; did you mean "
        "'trainer.max_epochs'?",
        "check task.batch_size=3": "task.batch_size: Classify has no such option; did you mean "
        "'data.batch_size'",
        "train warmup=3": "warmup: rnnlab train has no such option; did you mean "
        "'lr_schedule.warmup_steps'?",
        "predict run": "run: not KEY=VALUE; did you mean checkpoint=run?",
        "evaluate run": "run: not KEY=VALUE; did you mean checkpoint=run?",
        "analyze run": "run: not KEY=VALUE; did you mean checkpoint=run?",
        f"train {HERE.parent}": f"{HERE.parent}: not KEY=VALUE; did you mean resume=",
        f"train {HERE}": f"{HERE}: not KEY=VALUE; a file of your own: data.train={HERE}, with",
        f"embed {HERE}": f"{HERE}: not KEY=VALUE; did you mean corpus=",
        "check --schma": "--schma: no such flag; did you mean '--schema'?",
        "train --schema": "--schema: no such flag; ",
        "predict checkpoint=x -m": "-m: only 'rnnlab train' has this flag",
        "train task=nre": "task: no choice 'nre'; did you mean 'ner'?",
        "train task=zzz": f"task: no choice 'zzz'; there are: {', '.join(choices('task'))}",
    }
    for words, message in table.items():
        assert refused(call(capsys, *words.split())).startswith(message)
    assert not any(tmp_path.iterdir())


def test_case_does_not_count():
    """Every shipped choice in capitals is answered with its name."""
    for group in groups("train"):
        for name in choices(group):
            if name != name.upper():
                words = parse([f"{group}={name.upper()}"])
                (problem,) = override_problems("train", words, [config_dir()])
                assert f"'{name}'" in problem


@pytest.mark.parametrize(
    ("words", "missing"),
    [
        ("task=classification data=table_files", "train val test"),
        ("task=classification data=table_files data.train=no.csv", "val test"),
        ("task=classification data=table_files data.train=no.csv data.test=no.csv", "val"),
        ("task=translation data=parallel_files data.train=[a,b]", "val test"),
        ("task=ner data=conll_files data.train=no.txt data.split=[0.8,0.1,0.1]", ""),
    ],
)
def test_a_split_without_a_file_is_found_before_data_is_read(words, missing, capsys):
    for command in ["check"] if not missing else ["check", "train"]:
        said = call(capsys, command, *words.split())
        lines = said.err.splitlines()
        expected = [f"rnnlab: data.{split}: not given" for split in missing.split()]
        assert [line.partition(";")[0] for line in lines] == expected
        assert said.code == (2 if missing else 0)


@pytest.mark.parametrize("end", ["csv", "tsv", "jsonl", "parquet"])
def test_a_table_alone_is_answered_with_how_it_is_given(end, capsys, tmp_path):
    table = tmp_path / f"reviews.{end}"
    table.touch()
    message = refused(call(capsys, "data", "describe", str(table)))
    assert message == f"{table}: not KEY=VALUE; did you mean data=table_files data.train={table}?"


SECTIONS = {
    name: option.group for name, option in options(TrainConfig).items() if option.group is not None
}
OFFERED = sorted(shipped())


@pytest.mark.parametrize("section", [name for name in SECTIONS if SECTIONS[name].beside is None])
def test_a_class_of_another_role_is_one_line(section):
    """Every shipped class in every section: it fits, or one line says that it does not."""
    cfg = compose_words("train", ["task=adding", "characters=cnn", "scheduler=step"]).cfg
    nodes = [read_yaml(file) for file in choices(section).values()]
    nodes = [node.get(section, node) for node in nodes if node]
    mine = {locate(node["_target_"]) for node in nodes if "_target_" in node}
    fitting = set()
    for target in OFFERED:
        changed = cfg | {section: {"_target_": target}}
        wrong = [line for line in find_problems(changed, {}) if f"{section}._target_" in line]
        if wrong:
            role = SECTIONS[section].role.rpartition(".")[2]
            assert wrong == [f"{section}._target_: {target} is no {role}"]
        else:
            fitting.add(locate(target))
    assert fitting == mine


def test_a_function_or_an_instrument_of_another_role(capsys):
    words = ["check", "task=adding"]
    message = refused(call(capsys, *words, "diagnostics.memory._target_=torch.optim.Adam"))
    assert message == "diagnostics.memory._target_: torch.optim.Adam is no Callback"
    message = refused(call(capsys, *words, "trust=[json]", "cell._target_=json.loads"))
    assert message == "cell._target_: json.loads is no Layer"
