"""A document whose tables and figures are made, and whose text is written."""

import re
from collections.abc import Sequence
from pathlib import Path


def put(document: Path, name: str, lines: Sequence[str]) -> None:
    """Replace what stands between `<!-- begin NAME -->` and `<!-- end NAME -->`.

    Raises:
        ValueError: The document has no such place.
    """
    text = document.read_text(encoding="utf-8")
    begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
    pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
    if not pattern.search(text):
        raise ValueError(f"{document}: no {begin} ... {end}")
    block = "\n".join([begin, *lines, end])
    document.write_text(pattern.sub(lambda _: block, text), encoding="utf-8")
