"""Tables of runs, and of anything else: as text, Markdown, HTML and CSV."""

import csv
import shutil
import sys
from collections.abc import Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import Any

import tabulate

from rnnlab.errors import printable
from rnnlab.files import replacing

tabulate.MIN_PADDING = 0  # a column is as wide as its heading, not wider

MISSING = "-"
"""Shown where a row has no value."""

Row = Mapping[str, Any]
"""Cells by the name of their column."""


def as_text(rows: Sequence[Row]) -> str:
    """Aligned columns for a terminal."""
    shown = [
        {printable(k): printable(v) if isinstance(v, str) else v for k, v in row.items()}
        for row in rows
    ]
    return _table(shown, "plain", stralign="left")


def fitted(rows: Sequence[Row]) -> str:
    """Aligned columns; on a terminal without room for them a line for each column, if that fits."""
    text = as_text(rows)
    if not sys.stdout.isatty() or not rows:
        return text
    head, *others = dict.fromkeys(name for row in rows for name in row)
    columns = [str(row.get(head, MISSING)) for row in rows]
    values = ([row.get(name) for row in rows] for name in others)
    turned = as_text(
        [
            {head: name, **dict(zip(columns, each, strict=True))}
            for name, each in zip(others, values, strict=True)
        ]
    )
    room = shutil.get_terminal_size().columns
    fits = len(set(columns)) == len(rows) and _width(turned) <= room < _width(text)
    return turned if fits else text


def as_markdown(rows: Sequence[Row]) -> str:
    """A table for a README."""
    escaped = [
        {k: v.replace("|", "\\|") if isinstance(v, str) else v for k, v in row.items()}
        for row in rows
    ]
    return f"{_table(escaped, 'github', stralign=None)}\n"


def as_html(rows: Sequence[Row]) -> str:
    """A `<table>`; the cells are escaped."""
    return _table(rows, "html", stralign=None)


def write_csv(path: Path, rows: Sequence[Row]) -> None:
    """A CSV file with all columns, in the order of their first appearance."""
    names = dict.fromkeys(name for row in rows for name in row)
    text = StringIO(newline="")
    writer = csv.DictWriter(text, list(names))
    writer.writeheader()
    writer.writerows(rows)
    with replacing(path) as stream:
        stream.write(text.getvalue().encode())


def flat(cfg: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """A nested configuration as dotted keys with plain values.

    Of `cell: {_target_: rnnlab.layers.lstm.LSTM, hidden_size: 8}` it makes `cell` and
    `cell.hidden_size`, with the values `LSTM` and 8. A list becomes its text.
    """
    result: dict[str, Any] = {}
    for key, value in cfg.items():
        if isinstance(value, Mapping) and value:
            result |= flat(value, f"{prefix}{key}.")
        elif key == "_target_":
            result[prefix.removesuffix(".")] = str(value).rpartition(".")[2]
        else:
            plain = value is None or isinstance(value, bool | int | float | str)
            result[f"{prefix}{key}"] = value if plain else str(value)
    return result


def of_a_label(metric: str) -> bool:
    """Whether a metric is that of a single label: `f1_PER` of entities, with or without a split."""
    return metric.rpartition("/")[2].startswith("f1_")


def _width(text: str) -> int:
    return max(map(len, text.splitlines()), default=0)


def _table(rows: Sequence[Row], style: str, *, stralign: str | None) -> str:
    shown = [{k: f"{v:.4f}" if isinstance(v, float) else v for k, v in r.items()} for r in rows]
    return tabulate.tabulate(
        shown,
        headers="keys",
        tablefmt=style,
        stralign=stralign,
        missingval=MISSING,
        disable_numparse=True,
        preserve_whitespace=True,
    )
