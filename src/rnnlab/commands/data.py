"""What `rnnlab data` works on: all that comes from public files.

That is choices of the configuration, and the tests of word vectors, which are no choice.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.utils import get_class
from omegaconf import OmegaConf
from tqdm import tqdm

from rnnlab.commands.describe import describe_words
from rnnlab.config.command_line import CommandLine
from rnnlab.config.files import choices, config_dir
from rnnlab.config.hints import suggest
from rnnlab.config.schema import options
from rnnlab.data.datasets.word2vec_eval import Word2VecEval
from rnnlab.data.download import fetch
from rnnlab.data.reading import sha256
from rnnlab.data.source import DatasetInfo, data_root
from rnnlab.errors import ConfigError, DataError
from rnnlab.runs.tables import as_text

LOCATE: dict[str, Callable[[Any], object]] = {
    # validation may be held out of train, which has no files of its own; train may not be there
    "data": lambda made: [
        made.files(split)
        for split in ("train", "test")
        if split in (made.about.counts or ("train", "test"))
    ],
    "embedding": lambda made: made.file,
    "embed": lambda made: made.files(),
}
"""By group: finds the original files, or raises DataError."""

COUNT: dict[str, Callable[[Any, str], int]] = {
    "data": lambda made, split: len(made.examples(split)),
    "embedding": lambda made, _: len(made.words),
    "embed": lambda made, what: made.count(what),
}
"""By group: the number of things that an entry of `DatasetInfo.counts` is about."""


@dataclass(frozen=True)
class CatalogueEntry:
    """A corpus, a vector file, or the tests of word vectors.

    Attributes:
        name: As on the command line, in `data=NAME` or `embedding=NAME`.
        group: "data" or "embedding"; "embed" for what that command reads.
        kind: What its targets are ("label", "tags", ...), or "vectors", or "evaluation".
        about: What is known of it.
        target: Its class.
        options: The settings in its configuration, without `root`.
    """

    name: str
    group: str
    kind: str
    about: DatasetInfo
    target: type
    options: dict[str, Any]

    def make(self, root: Path) -> Any:
        """The data set or vectors with the default options, read from below `root`."""
        return self.target(**self.options, root=str(root))

    def present(self, root: Path) -> bool:
        """Whether its files are below `root`, in any of the forms that can be read."""
        try:
            LOCATE[self.group](self.make(root))
        except DataError:
            return False
        return True


@dataclass(frozen=True)
class Check:
    """One line of `rnnlab data verify`.

    Attributes:
        what: The file, or the split.
        expected: Its known sha256, or number of examples.
        found: What is there.
    """

    what: str
    expected: str
    found: str

    @property
    def ok(self) -> bool:
        """Whether both are the same."""
        return self.expected == self.found

    def __str__(self) -> str:
        """One line for the terminal."""
        if self.ok:
            return f"ok     {self.what}: {self.found}"
        return f"WRONG  {self.what}: {self.found} instead of {self.expected}"


def entries(config_dir: Path) -> list[CatalogueEntry]:
    """All choices of the groups `data` and `embedding` whose class says where it comes from.

    A choice that leaves it to the user to name a file is none; `word2vec_eval` is one more entry.

    Args:
        config_dir: The folder of the configurations; the classes that they name are imported.
    """
    found = []
    for group in ("data", "embedding"):
        for file in sorted((config_dir / group).glob("*.yaml")):
            # configurations refer to the seed of the root
            config = OmegaConf.create({"seed": 0, "node": OmegaConf.load(file)})
            given: Any = OmegaConf.to_container(config.node, resolve=True)
            given.pop("root", None)
            name = given.pop("_target_", None)
            target = get_class(name) if name else None
            about = getattr(target, "about", None)
            if not (target and isinstance(about, DatasetInfo)):
                continue
            if all(given.get(key) is not None for key, o in options(target).items() if o.required):
                kinds = getattr(target, "kind", "vectors"), *getattr(target, "other_kinds", ())
                kind = ", ".join(kinds)
                found.append(CatalogueEntry(file.stem, group, kind, about, target, given))
    tests = Word2VecEval
    return [*found, CatalogueEntry("word2vec_eval", "embed", "evaluation", tests.about, tests, {})]


def choose(name: str, known: Sequence[CatalogueEntry]) -> CatalogueEntry:
    """The entry of a name.

    Raises:
        DataError: There is none; lists those that there are.
    """
    for entry in known:
        if entry.name == name:
            return entry
    raise DataError(f"{name}: no such data set; {suggest(name, [e.name for e in known])}")


def table(known: Sequence[CatalogueEntry], root: Path) -> str:
    """What there is, as aligned text: name, kind, size of the download, present, licence."""
    rows = [
        {
            "name": entry.name,
            "kind": entry.kind,
            "download": download_size(entry.about),
            "present": "yes" if entry.present(root) else "no",
            "title": entry.about.title,
            "licence": entry.about.licence,
        }
        for entry in known
    ]
    return f"{as_text(rows)}\n\ndata root: {root}"


def verify(name: str, known: Sequence[CatalogueEntry], root: Path) -> list[Check]:
    """Compare what is there with what is known: sha256 of originals, numbers of examples.

    An original that is there in another form (unpacked, or packed again) has no known sha256;
    then only the counts are compared. Where a sha256 is wrong, nothing is read.

    Raises:
        DataError: There is no such entry, or its files are missing or broken.
    """
    entry = choose(name, known)
    checks = [
        Check(remote.path, remote.sha256, sha256(root / remote.path))
        for remote in entry.about.files
        if (root / remote.path).is_file()
    ]
    if not all(check.ok for check in checks):
        return checks
    made, count = entry.make(root), COUNT[entry.group]
    return checks + [
        Check(what, str(known), str(count(made, what)))
        for what, known in entry.about.counts.items()
    ]


def download_size(about: DatasetInfo) -> str:
    """Bytes of all files, as in `84.1MB`; `?` where one is not known, `-` where there is none."""
    sizes = [remote.size for remote in about.files if remote.size is not None]
    if len(sizes) < len(about.files):
        return "?"
    return tqdm.format_sizeof(sum(sizes), "B") if sizes else "-"


def data_words(words: list[str]) -> int:
    """`rnnlab data list|fetch NAME|verify NAME|describe ...`; the exit code.

    Raises:
        ConfigError, DataError: Something that the user can correct.
    """
    if words[:1] == ["describe"]:
        describe_words(words[1:])
        return 0
    line = CommandLine.without_flags(words)
    root = data_root(line.value("root"))
    known = entries(config_dir())
    match line.without("root"):
        case ["list"]:
            rest = choices("data").keys() - {entry.name for entry in known}
            print(table(known, root))
            print(f"no download (generated, or your own files): {', '.join(sorted(rest))}")
        case ["fetch", name]:
            fetch(name, choose(name, known).about, root)
        case ["verify", name]:
            checks = verify(name, known, root)
            print("\n".join(map(str, checks)))
            return 0 if all(check.ok for check in checks) else 2
        case other:
            raise ConfigError(
                f"data: '{' '.join(other)}' is not one of list, fetch NAME, verify NAME, "
                "describe OVERRIDES"
            )
    return 0
