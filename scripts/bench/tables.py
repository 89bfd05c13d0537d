"""Markdown tables of what the sections measured."""

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from bench.targets import Reached, per_token
from bench.timing import quartiles, speedup
from tabular import markdown

Section = Mapping[str, Any]

CHOSEN = {"rnn": "bptt", "gru": "bptt", "lstm": "fused"}
"""What `kernel=auto` takes on a CPU."""

NOTICEABLE = 1.05
"""A choice that is slower by less is not called wrong."""


def layers(section: Section) -> str:
    """Times faster than torch's module on padded input, a row for cell and shape."""
    rest = ["fused", "bptt", "scan", "nn packed"]
    names = [name for name in rest if name in section["rows"][0]["seconds"]]
    rows = []
    for row in section["rows"]:
        seconds = row["seconds"]
        ratios = [_times(speedup(seconds, name, "nn padded")) for name in names]
        base = _ms(seconds["nn padded"])
        rows.append([row["cell"].upper(), row["shape"], base, *ratios, CHOSEN[row["cell"]]])
    heads = ["cell", "B, T, D, H", "nn padded, ms", *(f"{n}, ×" for n in names), "auto"]
    return markdown(heads, rows, left=2)


def ragged(section: Section) -> str:
    """Times faster than packed sequences on shuffled batches."""
    names = ["nn packed, buckets", "fused", "bptt"]
    rows = []
    for row in section["rows"]:
        seconds = row["seconds"]
        ratios = [_times(speedup(seconds, name, "nn packed, shuffled")) for name in names]
        base = _ms(seconds["nn packed, shuffled"])
        rows.append([f"Bi{row['cell'].upper()}", row["shape"], base, *ratios])
    heads = ["cell", "batches", "nn packed, shuffled, ms", *(f"{name}, ×" for name in names)]
    return markdown(heads, rows, left=2)


def grid(section: Section) -> str:
    """`bptt` against `fused` at every shape: rows are B and T, columns are cell and H."""
    found: dict[tuple[str, int], dict[tuple[int, int], float]] = {}
    for row in section["rows"]:
        batch, steps, _, hidden = map(int, row["shape"].split(", "))
        value = speedup(row["seconds"], "bptt", "fused")[0]
        found.setdefault((row["cell"], hidden), {})[batch, steps] = value
    columns = sorted(found, key=lambda key: (["rnn", "gru", "lstm"].index(key[0]), key[1]))
    places = sorted({place for column in found.values() for place in column})
    rows = []
    for place in places:
        values = [(cell, found[cell, h].get(place)) for cell, h in columns]
        rows.append([f"{place[0]}, {place[1]}", *(_choice(*value) for value in values)])
    heads = ["B, T", *(f"{cell.upper()} {hidden}" for cell, hidden in columns)]
    wrong = [v for (cell, _), column in found.items() for v in column.values() if _wrong(cell, v)]
    total = sum(map(len, found.values()))
    note = f"`auto` takes the slower kernel, by more than 5 %, in {len(wrong)} of {total} places."
    if wrong:
        note += f" At worst it is {max(max(v, 1 / v) for v in wrong):.2f} times slower."
    return f"{markdown(heads, rows)}\n\n{note}"


def tasks(section: Section) -> str:
    """Real tokens a second of every variant, and how many times faster rnnlab is."""
    rows = []
    for row in section["rows"]:
        for variant, seconds in row["seconds"].items():
            rates = [n / s for n, s in zip(row["tokens"], seconds, strict=True)]
            low, middle, high = quartiles(rates)
            cells = [row["name"], variant, f"{row['parameters'][variant] / 1e6:.2f}"]
            cells += [f"{middle:,.0f}", f"{low:,.0f} - {high:,.0f}"]
            if variant == "rnnlab":
                cells += ["", ""]
            else:
                whole = sum(seconds) / sum(row["seconds"]["rnnlab"])
                cells += [_times(speedup(per_token(row), "rnnlab", variant)), f"{whole:.2f}"]
            rows.append(cells)
    heads = ["model", "program", "parameters, M", "tokens/s", "quartiles"]
    heads += ["rnnlab is faster, ×", "in all, ×"]
    lines = [markdown(heads, rows, left=2)]
    for row in section["rows"]:
        if row["predicting"]:
            rate, words = row["predicting"]["sentences_per_second"], row["predicting"]["words"]
            lines.append(
                f"Predictions of {row['name']} through rnnlab, from token ids to tags or text "
                f"(greedy): {rate:,.0f} sentences a second, {words:.1f} words each."
            )
    return "\n\n".join(lines)


def targets(reached: Iterable[Reached]) -> str:
    """Every target, and whether it was reached."""
    rows = [
        [
            each.target.case,
            f"{each.target.fast} against {each.target.slow}",
            f"{each.target.least:g}",
            _times((each.ratio, each.low, each.high)),
            "reached" if each.reached else "**not reached**",
        ]
        for each in reached
    ]
    return markdown(["case", "what", "target, ×", "measured, ×", ""], rows, left=2)


TABLES: dict[str, Callable[[Section], str]] = {
    "layers": layers,
    "grid": grid,
    "ragged": ragged,
    "sentiment": tasks,
    "ner": tasks,
    "translation": tasks,
}
"""By section."""


def _times(values: Sequence[float]) -> str:
    middle, low, high = values
    return f"{middle:.2f} ({low:.2f} - {high:.2f})"


def _ms(seconds: Sequence[float]) -> str:
    return f"{1e3 * statistics.median(seconds):.1f}"


def _wrong(cell: str, value: float) -> bool:
    return (value if CHOSEN[cell] == "fused" else 1 / value) > NOTICEABLE


def _choice(cell: str, value: float | None) -> str:
    if value is None:
        return ""
    return f"**{value:.2f}**" if _wrong(cell, value) else f"{value:.2f}"
