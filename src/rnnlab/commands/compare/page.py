"""The comparison as one HTML page without any other file."""

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import matplotlib as mpl
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from matplotlib.figure import Figure

from rnnlab.commands.compare.groups import Group, differences
from rnnlab.commands.compare.style import RC, line_styles
from rnnlab.commands.compare.table import Row, group_rows
from rnnlab.runs.tables import as_html

LEGEND = (
    "Mean ± sample standard deviation over the completed runs of a group (runs that differ in "
    "their seed alone), each with the weights of its best validation. “So far”: no run of "
    "the group has completed, these are the newest values. Diverged runs do not count."
)


@dataclass(frozen=True)
class Picture:
    """A figure with its heading and caption.

    Attributes:
        name: Name of its file, without suffix.
        title: Heading.
        caption: How to read it.
        figure: The figure.
    """

    name: str
    title: str
    caption: str
    figure: Figure

    def png(self, path: Path) -> None:
        """Write it as a PNG."""
        with mpl.rc_context(RC):
            self.figure.savefig(path, dpi=150)

    def svg(self) -> str:
        """The figure as SVG in base64; letters are outlines, so that no font is needed."""
        stream = BytesIO()
        with mpl.rc_context(RC | {"svg.fonttype": "path"}):
            self.figure.savefig(stream, format="svg", metadata={"Date": None})
        return b64encode(stream.getvalue()).decode()


def render(
    groups: Sequence[Group], pictures: Sequence[Picture], *, subtitle: str, notes: Sequence[str]
) -> str:
    """The page as HTML.

    Args:
        groups: Groups to compare.
        pictures: The figures, in order.
        subtitle: One sentence below the title.
        notes: Lines at the top, such as runs that were left out.
    """
    differing: list[Row] = [{"group": group.label} for group in groups]
    for key, values in differences(groups).items():
        for row, value in zip(differing, values, strict=True):
            row[key] = value
    runs: list[Row] = [
        {
            "run": str(run.folder),
            "group": group.label,
            "seed": str(run.seed),
            "status": run.status,
            "steps": f"{run.step:,}",
        }
        for group in groups
        for run in group.runs
    ]
    folder = Path(__file__).parent
    engine = Environment(
        loader=FileSystemLoader(folder), autoescape=True, undefined=StrictUndefined
    )
    return engine.get_template("page.html").render(
        title=title(groups),
        subtitle=subtitle,
        notes=notes,
        legend=LEGEND,
        results=Markup(as_html(group_rows(groups))),
        colours=[look["color"] for look in line_styles(groups)],
        pictures=[{"title": p.title, "caption": p.caption, "svg": p.svg()} for p in pictures],
        alarms=[
            (str(run.folder), alarm)
            for group in groups
            for run in group.runs
            for alarm in run.alarms or ()
        ],
        watched=any(run.alarms is not None for group in groups for run in group.runs),
        differing=Markup(as_html(differing)) if len(differing[0]) > 1 else None,
        runs=Markup(as_html(runs)),
    )


def title(groups: Sequence[Group]) -> str:
    """What is compared, in a few words."""
    tasks = dict.fromkeys(run.task for group in groups for run in group.runs)
    runs = sum(len(group.runs) for group in groups)
    count = "1 run" if runs == 1 else f"{runs} runs"
    within = f" in {len(groups)} groups" if 1 < len(groups) < runs else ""
    return f"{', '.join(tasks)}: {count}{within}"
