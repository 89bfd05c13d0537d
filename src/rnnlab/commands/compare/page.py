"""The comparison as one HTML page without any other file."""

import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path

import matplotlib as mpl
from jinja2 import StrictUndefined, Template
from markupsafe import Markup
from matplotlib.figure import Figure

from rnnlab.commands.compare.groups import Group, all_runs, differences
from rnnlab.commands.compare.style import RC, line_styles
from rnnlab.commands.compare.table import group_rows
from rnnlab.runs.tables import as_html

COLUMNS = 13
"""Groups beside each other in a table of options; more of them are in further tables."""


def render(
    groups: Sequence[Group],
    figures: Mapping[str, Figure],
    titles: Mapping[str, str],
    *,
    subtitle: str,
    notes: Sequence[str],
) -> str:
    """The page as HTML.

    Args:
        groups: Groups to compare.
        figures: The figures by name, in order.
        titles: Their headings by name.
        subtitle: One sentence below the title.
        notes: Lines at the top, such as runs that were left out.
    """
    source = Path(__file__).with_suffix(".html").read_text(encoding="utf-8")
    page: str = Template(source, autoescape=True, undefined=StrictUndefined).render(
        title=title(groups),
        subtitle=subtitle,
        notes=notes,
        results=Markup(as_html(group_rows(groups))),
        colours=[look["color"] for look in line_styles(groups)],
        figures={name: svg(figure) for name, figure in figures.items()},
        titles=titles,
        alarms=alarms(groups),
        verdicts=verdicts(groups),
        watched=any(run.alarms is not None for run in all_runs(groups)),
        groups=groups,
        differing=differences(groups),
        columns=COLUMNS,
        slice=slice,
    )
    return re.sub(r"(?<=<th>).*?(?=</th>)", _breakable, page)


def _breakable(heading: re.Match[str]) -> str:
    """A heading that may be broken between the parts of a name, so that tables stay narrow."""
    return re.sub(r"(?<=(?<!<)[/._=])(?=\w\w)", "<wbr>", heading[0])


def svg(figure: Figure) -> str:
    """A figure as SVG in base64; letters are outlines, so that no font is needed."""
    stream = BytesIO()
    with mpl.rc_context(RC | {"svg.fonttype": "path"}):
        figure.savefig(stream, format="svg", metadata={"Date": None})
    return b64encode(stream.getvalue()).decode()


def title(groups: Sequence[Group]) -> str:
    """What is compared, in a few words."""
    runs = all_runs(groups)
    tasks = dict.fromkeys(run.task for run in runs)
    count = "1 run" if len(runs) == 1 else f"{len(runs)} runs"
    within = f" in {len(groups)} groups" if 1 < len(groups) < len(runs) else ""
    return f"{', '.join(tasks)}: {count}{within}"


def verdicts(groups: Sequence[Group]) -> list[tuple[str, str]]:
    """Folder and sentence of every verdict."""
    records = [(str(run.folder), run.record or {}) for run in all_runs(groups)]
    return [(where, each) for where, record in records for each in record.get("verdict", ())]


def alarms(groups: Sequence[Group]) -> list[tuple[str, str]]:
    """Folder and sentence of every alarm."""
    return [(str(run.folder), each) for run in all_runs(groups) for each in run.alarms or ()]
