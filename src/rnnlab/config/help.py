"""Help: texts of the commands, and tables of options made from their descriptions."""

import inspect
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, replace
from typing import Any

from tabulate import tabulate

from rnnlab.config.files import choices, read_yaml, summary
from rnnlab.config.hints import describe
from rnnlab.config.roots import ROOTS, TrainConfig
from rnnlab.config.schema import Option, nested, options
from rnnlab.config.trust import locate, nodes

PROGRAM = """\
rnnlab - study and train recurrent networks

  rnnlab train [OVERRIDES]              train (the default word); -m for a grid or a sweep
  rnnlab evaluate checkpoint=RUN        test metrics of a trained model
  rnnlab predict checkpoint=RUN input=FILE|-
  rnnlab export checkpoint=RUN output=DIR  the model as ONNX, with a program that answers
  rnnlab analyze checkpoint=RUN         what a trained net remembers, for how long, and why
  rnnlab sweep SWEEP                    how far a sweep is, while its workers run
  rnnlab compare RUN|SWEEP ...          results, curves and differences of runs, on one page
  rnnlab embed corpus=CHOICE|FILE       word vectors from a text, and what they are worth
  rnnlab check [OVERRIDES]              find mistakes in a configuration, and print it
  rnnlab data list|fetch NAME|verify NAME|describe [OVERRIDES]

Try:  rnnlab train task=delayed_recall cell=gru cell.update_bias=2 data.lag=50
      rnnlab COMMAND --help
"""

CHECK = """\
rnnlab check [OVERRIDES]      find every mistake that needs no data, and print the configuration
rnnlab check --schema         a JSON schema of configurations, for editors
rnnlab check --reference      all options of all components, as Markdown

For VS Code: rnnlab check --schema > .rnnlab.schema.json, and in its settings
"yaml.schemas": {".rnnlab.schema.json": "configs/**/*.yaml"}
"""

DATA = """\
rnnlab data list           every data set: task, size, licence, whether it is present
rnnlab data fetch NAME     download one (checked by sha256)
rnnlab data verify NAME    check files and counts against the known ones
rnnlab data describe [GROUP=CHOICE ...]  lengths, classes, vocabulary, what is odd, before training

Files are looked for below root=FOLDER, else $RNNLAB_DATA, else the user's cache folder.
"""


def command_help(name: str, words: Sequence[str] = ()) -> str:
    """What `rnnlab NAME --help` prints.

    Args:
        name: A command.
        words: Overrides beside `--help`: the options of the components that they choose follow.
    """
    if name in ("check", "data"):
        return {"check": CHECK, "data": DATA}[name]
    root = ROOTS[name]
    text, _, _ = inspect.cleandoc(root.__doc__ or "").partition("Args:\n")
    parts = [text.strip(), ""]
    if root is TrainConfig:
        parts += ["Groups and their choices", *_groups()]
    parts += ["Options", option_table(plain_options(root)), ""]
    if root is TrainConfig and words:
        parts += _components(words)
    elif root is TrainConfig:
        parts.append("rnnlab train task=ner cell=gru --help: the options of what is chosen as well")
    return "\n".join(parts)


FURTHER = {
    "experiment": "Complete settings with a known result; those of the lecture are sweeps.",
    "variant": "A cell with other options, for sweeps that are no grid.",
    "sweep": "Hyperparameter search (with -m).",
}
"""Groups that change options of others."""


def group_texts() -> dict[str, str]:
    """What each folder of `configs/` decides."""
    known = options(TrainConfig).items()
    return {name: option.doc for name, option in known if option.group} | FURTHER


def _groups() -> Iterator[str]:
    for name, doc in group_texts().items():
        yield f"  {name + '=':14s}{'|'.join(choices(name))}"
        yield f"  {'':14s}{doc}"


def plain_options(root: type) -> dict[str, Option]:
    """The options of a command that are no groups, by their dotted names."""
    found: dict[str, Option] = {}
    for name, option in options(root).items():
        if nested(option) is not None:
            found |= {f"{name}.{key}": each for key, each in options(nested(option)).items()}
        elif option.group is None:
            found[name] = option
    return found


def option_table(known: Mapping[str, Option]) -> str:
    """Options in aligned columns: name and default, what fits, the documentation."""
    rows = [
        [f"  {name}" + ("" if option.required else f"={shown_default(option)}"), first(option.doc)]
        for name, option in known.items()
    ]
    return tabulate(rows, tablefmt="plain", maxcolwidths=[44, 80], disable_numparse=True)


def first(text: str) -> str:
    """The first sentence of a documentation."""
    head, dot, _ = text.partition(". ")
    return head + dot.strip()


def shown_default(option: Option) -> str:
    """A default as one writes it on the command line."""
    value = option.default
    if value is MISSING:
        return "???"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, tuple | list):
        return f"[{','.join(map(str, value))}]"
    return str(value)


def _components(words: Sequence[str]) -> Iterator[str]:
    """The options of each component that a command line chooses."""
    from rnnlab.config.compose import compose_words

    for path, node in nodes(compose_words("train", words).cfg):
        component = locate(str(node["_target_"]))
        known = {
            f"{path}.{name}": replace(option, default=node.get(name, option.default))
            for name, option in options(component).items()
        }
        yield f"{path} = {component.__name__}"
        yield option_table(known) if known else "  no options"
        yield ""


def reference() -> str:
    """All options of all commands and components, as Markdown."""
    groups = "\n".join(group_reference(group) for group in group_texts())
    return f"# Options\n\nMade by `rnnlab check --reference`.\n\n{command_reference()}\n{groups}"


def command_reference() -> str:
    """The options of each command that are no groups, a section a command."""
    sections = [f"## rnnlab {n}\n\n{_markdown(plain_options(r))}\n" for n, r in ROOTS.items()]
    return "\n".join(sections)


def group_reference(group: str) -> str:
    """The choices of a group, and the options of each class among them, as a section."""
    described = [[f"`{choice}`", summary(file)] for choice, file in choices(group).items()]
    lines = [f"## {group}", "", markdown_table([f"`{group}=`", ""], described), ""]
    titles: dict[Any, dict[str, None]] = {}
    for choice, file in choices(group).items():
        for path, node in nodes(read_yaml(file) or {}):
            if path in ("", group) or group == "diagnostics":
                title = path if group == "diagnostics" else choice
                titles.setdefault(locate(str(node["_target_"])), {})[title] = None
    for component, names in titles.items():
        lines += [f"### {component.__name__} ({', '.join(names)})", ""]
        lines += [_markdown(options(component)) or "No options.", ""]
    return "\n".join(lines)


def _markdown(known: Mapping[str, Option]) -> str:
    rows = []
    for name, o in known.items():
        default = "required" if o.required else f"`{shown_default(o)}`"
        rows.append([f"`{name}`", default, describe(o.hint), o.doc])
    return markdown_table(["option", "default", "values", ""], rows) if rows else ""


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table without padding: where one cell changes, one line does."""
    rows = [[re.sub(r"(`[^`|]*`)|([|<])", _escaped, cell) for cell in row] for row in rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in [header, ["---"] * len(header), *rows])


def _escaped(match: re.Match[str]) -> str:
    return match[1] or f"\\{match[2]}"
