"""A page in one file: charts, tables and text, with all scripts in it and no network needed."""

import json
import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from rnnlab.commands.page.chart import Chart
from rnnlab.commands.page.plain import most_points, plain, plain_look
from rnnlab.diagnostics.style import Look

HERE = Path(__file__).parent
SCRIPTS = ("plotly-basic.min.js", "page.js")
"""The library (https://github.com/plotly/plotly.js, MIT), and what draws our charts with it."""


def render(
    template: Path,
    charts: Sequence[Chart],
    entries: Mapping[str, Look],
    runs: Sequence[Mapping[str, Any]] = (),
    **more: Any,
) -> str:
    """The page as HTML; every text is escaped, and no script but ours can run.

    Args:
        template: A file that extends `page.html`.
        charts: Charts in order; the template places them.
        entries: Looks of the legend's entries, by name.
        runs: Of each run its `entry` and the `words` that a filter finds it by.
        more: Further values for the template; `title` at least.
    """
    found = Environment(
        loader=FileSystemLoader([template.parent, HERE]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    scripts = [_text(name) for name in SCRIPTS]
    lines = sum(len(panel.lines) for chart in charts for panel in chart.panels)
    page: str = found.get_template(template.name).render(
        policy=policy(scripts),
        style=Markup(_text("page.css")),
        scripts=[Markup(script) for script in scripts],
        data=Markup(as_json(plain(charts, entries, runs))),
        charts={chart.name: chart for chart in charts},
        entries={name: plain_look(style) for name, style in entries.items()},
        look=plain_look,
        most=most_points(lines),
        **more,
    )
    words, script, rest = page.partition("<script")
    return re.sub(r"(<(?:th|td|h1)[^>]*>(?:<span[^>]*></span>)?)([^<]*)", _breakable, words) + (
        script + rest
    )


def policy(scripts: Sequence[str]) -> str:
    """A Content-Security-Policy that lets these scripts run, and nothing else be loaded."""
    hashes = (b64encode(sha256(script.encode()).digest()).decode() for script in scripts)
    allowed = " ".join(f"'sha256-{each}'" for each in hashes)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'"
    )


def as_json(values: Any) -> str:
    """JSON that cannot end the element that it stands in."""
    text = json.dumps(values, separators=(",", ":"), allow_nan=False)
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


@cache
def _text(name: str) -> str:
    """A file beside this one, as a browser reads it."""
    return (HERE / name).read_text(encoding="utf-8").replace("\r\n", "\n").strip()


def _breakable(cell: re.Match[str]) -> str:
    """A cell or heading whose names may be broken between their parts: tables stay narrow."""
    parts = r"(?<=[/._=])(?=[A-Za-z]\w)|(?<=[a-z])(?=[A-Z][a-z])"
    return cell[1] + re.sub(parts, "<wbr>", cell[2])
