"""User errors: each is one line on the terminal and exit code 2; what a terminal may show."""

import errno
import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: str, keep: str = "") -> str:
    """A text that cannot steer a terminal: control characters but `keep` as visible escapes."""

    def escaped(found: re.Match[str]) -> str:
        return found[0] if found[0] in keep else found[0].encode("unicode_escape").decode()

    return _CONTROL.sub(escaped, text)


def tell(word: str, text: str) -> None:
    """Print a sentence behind a word that says what it is, in lines of at most 80 columns.

    Only blanks are broken at; what has none, such as a path, stays in one piece.
    """
    first, rest = f"{word:<8s} ", " " * 9
    lines = textwrap.fill(
        printable(text),
        80,
        initial_indent=first,
        subsequent_indent=rest,
        break_long_words=False,
        break_on_hyphens=False,
    )
    print(lines or first.rstrip(), flush=True)


def counted(count: int, noun: str) -> str:
    """A number with its noun, such as `1 run` or `2,000 runs`.

    Args:
        count: How many there are.
        noun: Of one; an `s` makes it several.
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)
"""Reasons that only a writer meets: there is no room."""


def described(error: OSError) -> str:
    """Which file cannot be used, and why."""
    why, where = error.strerror or str(error), error.filename
    return f"{'cannot write ' * (error.errno in FULL)}{where}: {why}" if where else why


def shortened(names: Sequence[object], most: int = 8) -> str:
    """The first few, each cut to a few words, comma separated, and how many more there are."""
    listed = (f"{text[:57]}..." if len(text) > 60 else text for text in map(str, names[:most]))
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(listed) + more


class RnnlabError(Exception):
    """Base of all user errors; the command line prints the message without a traceback."""


class ConfigError(RnnlabError):
    """An option, a value or a combination of choices that cannot run."""


def refuse(problems: Iterable[str]) -> None:
    """Raise a ConfigError with all problems, one a line, where there are any."""
    lines = "\n".join(problems)
    if lines:
        raise ConfigError(lines)


class DataError(RnnlabError):
    """A missing, broken or unusable data file; names the file, and the line where there is one."""


class CheckpointError(RnnlabError):
    """A checkpoint that is missing, broken, of another version or not trusted."""


class LostProcessError(RnnlabError):
    """One of several processes that train a model has ended, and the others with it."""


class Diverged(Exception):  # noqa: N818 - an outcome of a run, not a user error
    """The loss is not finite: the run ends with status `diverged`; says where it broke."""


class Pruned(Exception):  # noqa: N818 - an outcome of a run, not a user error
    """Other runs of the sweep were better at the same time; says by what."""


class Interrupted(Exception):  # noqa: N818 - an outcome of a run, not a user error
    """The run was asked to stop (Ctrl-C, SIGTERM, SIGHUP) and saved its state."""


@contextmanager
def naming(path: object) -> Iterator[None]:
    """Give an OSError that names no file the name of `path`, unless it is about standard output."""
    try:
        yield
    except OSError as error:
        with suppress(OSError):  # of standard output: it fails again
            print(end="", flush=True)
            if error.errno is not None:  # else its text says it all
                error.filename = error.filename or str(path)
        raise
