"""From a command line to one configuration, with errors in one style."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from itertools import accumulate
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.types import Override, OverrideType
from hydra.errors import HydraException, MissingConfigException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import MarkedYAMLError, YAMLError  # type: ignore[import-untyped]

from rnnlab.config.command_line import use_current_folder
from rnnlab.config.defaults import plain_default, with_defaults
from rnnlab.config.files import config_dir, read_yaml
from rnnlab.config.hints import shown, suggest
from rnnlab.config.option_names import option_names
from rnnlab.config.overrides import at_home, parse
from rnnlab.config.renames import ELSEWHERE, OPTIONS
from rnnlab.config.roots import ROOTS
from rnnlab.config.schema import nested, options
from rnnlab.errors import ConfigError, refuse

UNSOUND = (HydraException, OmegaConfBaseException, YAMLError, ValueError)
"""What composing raises for wrong overrides and files; see `explain`."""

LONGEST_SLUG = 80

_PLACE = re.compile(r"In '(.+?)': ")


@dataclass(frozen=True)
class Composed:
    """A configuration as plain values, and the choice made for each group.

    Attributes:
        cfg: The configuration, complete and resolved.
        choices: "task" -> "ner" and so on.
        hydra: The configuration as Hydra composed it, with its own node.
    """

    cfg: dict[str, Any]
    choices: dict[str, Any]
    hydra: DictConfig

    @property
    def swept(self) -> list[str]:
        """What the configuration itself sweeps over, as overrides; empty where it is one run."""
        params = self.hydra.hydra.sweeper.get("params") or {}
        return [f"{key}={value}" for key, value in params.items()]


def compose_words(root: str, words: Sequence[str], search: Path | None = None) -> Composed:
    """Compose `configs/<root>.yaml` with overrides.

    Unknown options inside a group are left to `validate`, which reports all of them at once.

    Args:
        root: "train", "evaluate", "analyze" or "embed".
        words: Overrides in Hydra's grammar; not a sweep (see `rnnlab.config.overrides`).
        search: A folder of the user's own configurations.

    Raises:
        ConfigError: An override that cannot be parsed or composed.
    """
    register()
    folders = [config_dir()] + ([search] if search else [])
    if search and not search.is_dir():
        raise ConfigError(f"--config-dir: no folder {search}")
    refuse(override_problems(root, parse(words, ROOTS[root]), folders))
    given = [*words, f"hydra.searchpath=['file://{search.resolve()}']"] if search else list(words)
    try:
        with _set_aside_hydra(), initialize_config_dir(str(config_dir())):
            cfg = compose(root, given, return_hydra_config=True)
        return Composed(resolved(cfg, root), dict(cfg.hydra.runtime.choices), cfg)
    except UNSOUND as error:
        raise ConfigError(explain(error)) from None


@contextmanager
def _set_aside_hydra() -> Iterator[None]:
    """Within it there is no Hydra, also where another Hydra program calls this one."""
    former, GlobalHydra.instance().hydra = GlobalHydra.instance().hydra, None
    try:
        yield
    finally:
        GlobalHydra.instance().hydra = former


def resolved(cfg: DictConfig, root: str = "train") -> dict[str, Any]:
    """What Hydra composed as plain values: complete, interpolations looked up."""
    plain: Any = OmegaConf.to_container(cfg, resolve=False)
    plain = {
        str(key): None if value == {} else value
        for key, value in plain.items()
        if key != "hydra" and value != "???"  # `validate` reports what is missing
    }
    use_current_folder(plain)
    filled = OmegaConf.create(with_defaults(plain, ROOTS[root]))
    values: Any = OmegaConf.to_container(filled, resolve=True, throw_on_missing=True)
    return {str(key): at_home(value) for key, value in values.items()}


@cache
def register() -> None:
    """Make roots and resolvers known to Hydra; more than once does no harm."""
    store = ConfigStore.instance()
    for name, root in ROOTS.items():
        node = OmegaConf.create()
        for key, option in options(root).items():
            node[key] = {} if option.group else "???" if option.required else plain_default(option)
        for key in options(root):  # `cell.hidden_size=8` is an option, though no file may name it
            if not OmegaConf.is_missing(node, key) and isinstance(node[key], DictConfig):
                OmegaConf.set_struct(node[key], False)
        store.store(name=f"{name}_options", node=node, replace=True)
    OmegaConf.register_resolver("rnnlab.slug", slug, replace=True)


def slug(text: str) -> str:
    """Overrides as a folder name: at most 80 characters, none of `= , /` or blanks.

    Of `data.lag=50,cell=gru` it makes `lag-50-cell-gru`. An option that would be cut is left out,
    with all behind it. Hydra's own parser rejects a path with `=` in `checkpoint=...`.
    """
    text = re.sub(r"(^|,)[+\w.@/]*[./+](?=\w+=)", r"\1", text)
    parts = [re.sub(r"[^\w.+-]+", "-", part) for part in re.split(r",(?=\w+=)", text)]
    names = [name.strip("-.") for name in accumulate(parts, "{}-{}".format)]
    fitting = [name for name in names if len(name) <= LONGEST_SLUG]
    return (fitting[-1] if fitting else names[0][:LONGEST_SLUG]) or "default"


@cache
def groups(root: str) -> frozenset[str]:
    """The groups that `configs/<root>.yaml` chooses from."""
    file = config_dir() / f"{root}.yaml"
    defaults = read_yaml(file)["defaults"] if file.is_file() else []
    entries = (next(iter(entry)) for entry in defaults if isinstance(entry, dict))
    return frozenset(name for name in entries if not name.startswith("override "))


def override_problems(
    root: str, overrides: Sequence[Override], folders: Sequence[Path]
) -> Iterator[str]:
    """Names that do not exist, choices without a file, several values for one run.

    Args:
        root: "train", "evaluate", "analyze" or "embed".
        overrides: Overrides from the command line.
        folders: Where configurations are looked for.
    """
    offered = groups(root)
    known = offered | options(ROOTS[root]).keys()
    for override in overrides:
        key, line = override.key_or_group, override.input_line or ""
        name = key.split(".")[0].split("/")[0]
        if name == "hydra" and key not in OPTIONS:
            continue
        if not name:
            yield f"{line}: not KEY=VALUE"
        elif key in OPTIONS and OPTIONS[key].split(".")[0] in known:
            yield f"{key}: renamed to {OPTIONS[key]}"
        elif name not in known:
            meant = ELSEWHERE.get(key, "")
            if meant.split(".")[0] in known:
                hint = f"did you mean '{meant}'?"
            else:
                hint = suggest(name, known, partial(option_names, ROOTS[root]))
            yield f"{name}: rnnlab {root} has no such option; {hint}"
        elif override.is_sweep_override():
            yield f"{line}: several values need -m; a list is written {key}=[...]"
        elif override.type is not OverrideType.DEL and key in offered:
            yield from _choice_problems(key, override.value(), folders)
        elif "." in key and name not in offered and nested(options(ROOTS[root])[name]) is None:
            yield f"{key}: {name} has no options of its own"


def _choice_problems(group: str, value: Any, folders: Sequence[Path]) -> Iterator[str]:
    files = (file for folder in folders for file in (folder / group).glob("*.yaml"))
    available = {file.stem for file in files}
    for choice in value if isinstance(value, list) else [value]:
        name = "null" if choice is None else str(choice).removesuffix(".yaml")
        if "${" not in name and name not in available:
            yield f"{group}: no choice {shown(choice)}; {suggest(name, available)}"


def explain(error: Exception) -> str:
    """Hydra's, OmegaConf's and YAML's own errors, in one line."""
    if isinstance(error, MissingConfigException) and error.missing_cfg_file:
        group, _, name = error.missing_cfg_file.rpartition("/")
        return f"{group}: no choice '{name}'; {suggest(name, error.options or [])}"
    if isinstance(error, MarkedYAMLError) and error.problem_mark is not None:
        mark = error.problem_mark
        return f"{mark.name}:{mark.line + 1}: {error.problem}"
    chain: list[BaseException] = [error]
    while (deeper := chain[-1].__cause__ or chain[-1].__context__) is not None:
        chain.append(deeper)
    place = _PLACE.match(str(error))
    where = f" (in {place[1]})" if place else ""
    for link in reversed(chain):
        key = getattr(link, "full_key", None)
        if key and isinstance(link, OmegaConfBaseException):
            return f"{key}: {_first_line(getattr(link, 'msg', None) or link)}{where}"
    return _first_line(error)


def _first_line(message: object) -> str:
    lines = [line.strip() for line in str(message).splitlines() if line.strip()]
    return lines[0] if lines else type(message).__name__
