"""The page of an analysis, and its pictures."""

from collections.abc import Sequence
from pathlib import Path

from rnnlab.commands.analyze.charts import all_charts, layer_looks
from rnnlab.commands.analyze.figures import gate_ranges, gate_shares
from rnnlab.commands.analyze.measure import Analysis
from rnnlab.commands.analyze.words import table
from rnnlab.commands.page.figure import Formats, save, save_figure
from rnnlab.commands.page.page import render
from rnnlab.diagnostics.saturation import OPEN, SHUT
from rnnlab.files import replacing


def write_page(
    analysis: Analysis,
    folder: Path,
    paragraphs: Sequence[str],
    title: str,
    formats: Formats = "png",
) -> None:
    """Write `analysis.html` and the pictures into a folder that exists.

    Args:
        analysis: The measurements.
        folder: Of the page.
        paragraphs: The analysis in words.
        title: What was analysed.
        formats: Files of each chart.
    """
    charts = all_charts(analysis)
    save(charts, folder, formats, "")
    bars = gate_ranges(analysis)
    if bars is not None:
        save_figure(bars, folder / "gates", formats)
    page = render(
        Path(__file__).with_name("analyze.html"),
        charts,
        layer_looks(analysis),
        title=title,
        subtitle="What the net remembers, for how long, and why, measured on its test split.",
        rows=table(analysis),
        paragraphs=paragraphs,
        gates=gate_shares(analysis),
        shut=SHUT,
        open=OPEN,
    )
    with replacing(folder / "analysis.html") as stream:
        stream.write(page.encode())
