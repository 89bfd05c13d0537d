"""Looks of the groups: the same in the page, in its pictures, and in those of demo and lecture."""

from collections import Counter
from collections.abc import Sequence

from rnnlab.commands.compare.groups import Group
from rnnlab.diagnostics.style import COLOURS, POINTS, Look, look


def line_styles(groups: Sequence[Group]) -> list[Look]:
    """Colour, dashes and mark of each group: groups of one family share the colour.

    Two groups look alike where they differ in the facet alone: they are never in one panel.
    """
    families = list(dict.fromkeys(group.family for group in groups))
    used: Counter[int] = Counter()
    looks: dict[str, Look] = {}
    for group in groups:
        if group.entry in looks:
            continue
        index = len(looks) if group.family is None else families.index(group.family)
        colour = index % len(COLOURS)
        style = look(colour + used[colour] * len(COLOURS))
        style |= {"marker": POINTS[used[colour] % len(POINTS)], "markersize": 6}
        looks[group.entry] = style
        used[colour] += 1
    return [looks[group.entry] for group in groups]


def legend_of(groups: Sequence[Group], *, dashes: bool = True) -> dict[str, Look]:
    """Looks by name, for the legend of a picture.

    Args:
        groups: The groups.
        dashes: Whether line styles tell the groups of a family apart; else families are named.
    """
    counts: Counter[str] = Counter()
    for group in groups:
        counts[group.entry] += len(group.runs)
    legend: dict[str, Look] = {}
    for group, style in zip(groups, line_styles(groups), strict=True):
        runs = counts[group.entry]
        if dashes:
            legend[group.entry + (f" ({runs} runs)" if runs > 1 else "")] = style
        else:
            name = group.entry if group.family is None else group.family
            legend[name] = {"color": style["color"]}
    return legend
