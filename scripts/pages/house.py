"""The house as a picture: the rooms of src/rnnlab, floor by floor."""

import ast
import tomllib
from collections.abc import Iterator
from html import escape
from pathlib import Path

ROOT = Path(__file__).parents[2]
WIDTH, HEIGHT, GAP, LETTER = 620, 46, 8, 6.1
"""Of the picture, of a floor, between two floors, and of a letter of the small text."""


def floors() -> list[list[str]]:
    """The rooms of each floor, from the top; those of one floor do not import each other."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    contracts = tomllib.loads(text)["tool"]["importlinter"]["contracts"]
    (house,) = [each for each in contracts if each["type"] == "layers"]
    return [floor.split(" | ") for floor in house["layers"] if floor != "__main__"]


def purpose(room: str) -> str:
    """The first line of a room's docstring."""
    path = ROOT / "src" / "rnnlab" / room
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return (ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or "").split("\n")[0]


def picture() -> str:
    """An SVG."""
    rows = floors()
    height = len(rows) * (HEIGHT + GAP) - GAP
    boxes = "\n".join(
        box for number, rooms in enumerate(rows) for box in floor(rooms, number * (HEIGHT + GAP))
    )
    return f"""\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" role="img" \
aria-label="The rooms of rnnlab, floor by floor" font-family="DejaVu Sans, Verdana, sans-serif">
{boxes}
</svg>
"""


def floor(rooms: list[str], top: int) -> Iterator[str]:
    """The boxes of a floor beside each other."""
    wide = (WIDTH - GAP * (len(rooms) - 1)) / len(rooms)
    for number, room in enumerate(rooms):
        left = number * (wide + GAP)
        text = purpose(room)
        most = int((wide - 20) / LETTER)
        shown = text if len(text) <= most else text[: most - 1].rsplit(" ", 1)[0] + " …"
        yield (
            f'<rect x="{left:.0f}" y="{top}" width="{wide:.0f}" height="{HEIGHT}" rx="5" '
            f'fill="#e8f1f8" stroke="#0072b2"/>\n'
            f'<text x="{left + 10:.0f}" y="{top + 18}" font-size="13" font-weight="bold" '
            f'fill="#12344d">{room}</text>\n'
            f'<text x="{left + 10:.0f}" y="{top + 35}" font-size="10.5" fill="#333">'
            f"{escape(shown)}</text>"
        )
