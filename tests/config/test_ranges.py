"""Every number of every option at the borders of its range, and beyond: asked without training."""

import itertools
import math
import random
import types
from typing import Any, Literal, Union, get_args, get_origin

import pytest
import torch

from corpora import CLASSES, EVERY_TASK
from rnnlab.config.compose import compose_words
from rnnlab.config.defaults import with_defaults
from rnnlab.config.files import choices, read_yaml
from rnnlab.config.roots import ROOTS, TrainConfig
from rnnlab.config.schema import options, plain
from rnnlab.config.trust import locate, nodes
from rnnlab.config.validate import find_problems, node_problems
from rnnlab.data.generated_data import GeneratedData
from rnnlab.runs.build import build_data, build_model, build_vectors
from rnnlab.runs.dry_build import check_fit

VALUES = [-1, 0, 10**9, math.nan, math.inf, "many", None]


def alternatives(hint: Any) -> list[Any]:
    if get_origin(hint) in (Union, types.UnionType):
        return [each for part in get_args(hint) for each in alternatives(part)]
    return [hint]


def numeric(hint: Any) -> bool:
    return any(plain(part) in (int, float) for part in alternatives(hint))


def accepted(value: Any, hint: Any) -> bool:
    """What a range says, by hand: the other way to the answer."""
    for part in alternatives(hint):
        bounds, kind = getattr(part, "__metadata__", ()), plain(part)
        if kind is type(None):
            if value is None:
                return True
        elif get_origin(part) is Literal:
            if value in get_args(part):
                return True
        elif kind is str:
            if isinstance(value, str):
                return True
        elif kind in (int, float) and isinstance(value, int | float):
            whole = isinstance(value, int) or kind is float
            inside = all(
                (not hasattr(b, "ge") or value >= b.ge)
                and (not hasattr(b, "gt") or value > b.gt)
                and (not hasattr(b, "le") or value <= b.le)
                and (not hasattr(b, "lt") or value < b.lt)
                for b in bounds
            )
            if whole and math.isfinite(value) and inside:
                return True
    return False


def bases() -> dict[str, list[str]]:
    """Words that choose each component of each group once."""
    found: dict[str, list[str]] = {}
    kinds = {task.kind: name for name, task in CLASSES.items()}
    for group in (name for name, option in options(TrainConfig).items() if option.group):
        for name, file in choices(group).items():
            words = [f"{group}={name}"] if group == "task" else ["task=ner", f"{group}={name}"]
            if group == "data":
                words[0] = f"task={kinds[locate(read_yaml(file)['_target_']).kind]}"
            found[f"{group}={name}"] = words
    return found


@pytest.mark.parametrize("name", bases())
def test_every_number_of_a_component_is_refused_or_in_its_range(name):
    group = name.partition("=")[0]
    composed = compose_words("train", bases()[name])
    cfg = composed.cfg
    assert list(find_problems(cfg, composed.choices)) == []
    checked = 0
    for path, node in nodes(cfg[group] or {}, group):
        for key, option in options(locate(str(node["_target_"]))).items():
            if not numeric(option.hint):
                continue
            before = node.get(key, option.default)
            for value in VALUES:
                node[key] = value
                problems = list(find_problems(cfg, composed.choices))
                if accepted(value, option.hint):
                    assert problems == [], f"{path}.{key}={value}"
                    if value == 10**9 and group != "trainer":
                        check_fit(with_defaults(cfg, TrainConfig))  # it has to come back
                else:
                    assert len(problems) == 1, f"{path}.{key}={value}: {problems}"
                    assert problems[0].startswith(f"{path}.{key}: ")
                checked += 1
            node[key] = before
    assert checked or not any(
        numeric(option.hint)
        for _, node in nodes(cfg[group] or {}, group)
        for option in options(locate(str(node["_target_"]))).values()
    )


@pytest.mark.parametrize("name", ROOTS)
def test_every_number_of_a_command_is_refused_or_in_its_range(name):
    known = options(ROOTS[name])
    for key, option in known.items():
        for value in VALUES if numeric(option.hint) else ():
            problems = list(node_problems("", {key: value}, {key: option}))
            assert bool(problems) != accepted(value, option.hint), f"{key}={value}: {problems}"
            assert all(line.startswith(f"{key}: ") for line in problems)


def least(hint: Any) -> Any:
    """The smallest value of a range; None where it has none."""
    for part in alternatives(hint):
        for bound in getattr(part, "__metadata__", ()):
            if hasattr(bound, "ge"):
                return bound.ge if plain(part) is int else float(bound.ge)
            if hasattr(bound, "gt"):
                return bound.gt + (1 if plain(part) is int else 1e-3)
    return None


def pairwise(count: int) -> list[list[bool]]:
    """Rows of choices between two levels in which each pair of factors takes all four pairs."""
    rng = random.Random(0)
    rows = [[True] * count, [False] * count]
    missing = {
        (i, j, a, b)
        for i, j in itertools.combinations(range(count), 2)
        for a, b in ((True, False), (False, True))
    }
    while missing:
        drawn = [[rng.random() < 0.5 for _ in range(count)] for _ in range(20)]
        covered = [{(i, j, r[i], r[j]) for i, j, *_ in missing} & missing for r in drawn]
        best = max(range(20), key=lambda k: len(covered[k]))
        rows.append(drawn[best])
        missing -= covered[best]
    return rows


def generated() -> dict[str, list[str]]:
    """Words that choose each data set that is made and not read, with a task of its kind."""
    known = {name: locate(read_yaml(file)["_target_"]) for name, file in choices("data").items()}
    return {
        name: [
            *(f"task={name}" if name in CLASSES else bases()[f"data={name}"][0], f"data={name}"),
            *("data.train_size=6", "data.val_size=2", "data.test_size=2"),
            *(["data.lag=4"] if "lag" in options(data) else []),
        ]
        for name, data in known.items()
        if issubclass(data, GeneratedData)
    }


@pytest.mark.parametrize("name", [*EVERY_TASK, *generated()])
def test_two_steps_at_the_least_of_each_range_and_at_the_default(name, tmp_path):
    words = EVERY_TASK[name](tmp_path) if name in EVERY_TASK else generated()[name]
    words += ["diagnostics=off"]
    composed = compose_words("train", words)
    factors = [
        (node, key, value)
        for group in ("task", "cell", "encoder", "embedding", "data")
        for path, node in nodes(composed.cfg[group], group)
        for key, option in options(locate(str(node["_target_"]))).items()
        if numeric(option.hint) and (value := least(option.hint)) is not None
        if not (key == "max_vocab_size" or f"{path}.{key}" in words)
    ]
    defaults = [node[key] for node, key, _ in factors]
    for row in pairwise(len(factors)):
        for low, (node, key, value), default in zip(row, factors, defaults, strict=True):
            node[key] = value if low else default
        assert list(find_problems(composed.cfg, composed.choices)) == []
        if check_fit(composed.cfg):
            continue  # a combination that is refused in words
        train_two_steps(composed.cfg)


def train_two_steps(cfg: dict[str, Any]) -> None:
    torch.manual_seed(1)
    vectors = build_vectors(cfg)
    data = build_data(cfg, vectors)
    model = build_model(cfg, data.spec(), vectors)
    parameters = dict.fromkeys([*model.encoder.parameters(), *model.task.parameters()])
    optimizer = torch.optim.SGD([p for p in parameters if p.requires_grad], lr=0.01)
    for batch in itertools.islice(data.train_dataloader(), 2):
        optimizer.zero_grad()
        loss = model.task.loss(model.encoder(batch.inputs, batch.lengths, batch.words), batch)
        loss.backward()
        optimizer.step()
        assert torch.isfinite(loss)
