"""Files that the user names on the command line."""

from collections.abc import Mapping
from typing import TypeVar

from rnnlab.data.spec import Split
from rnnlab.errors import ConfigError

T = TypeVar("T")


def given(files: Mapping[Split, T | None], split: Split) -> T:
    """What was given for a split.

    Raises:
        ConfigError: Nothing was; names the option.
    """
    value = files[split]
    if value is None:
        raise ConfigError(f"data.{split}: not given; name the file with data.{split}=FILE")
    return value
