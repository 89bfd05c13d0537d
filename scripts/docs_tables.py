"""The generated parts of the documentation: made from `configs/`, the classes and measurements.

python scripts/docs_tables.py           write them
python scripts/docs_tables.py --check   write nothing; say which of them is stale

Whole pages: docs/options.md and docs/options/GROUP.md, all options.
docs/_static/house.svg is the picture of docs/design.md. In every other page of docs/ the lines
between `<!-- NAME -->` and `<!-- end -->` are made here: `choices: GROUP` is a table of a group's
choices, `tasks` a section for each task, `cells` a card for each cell, `exports` what of them can
be exported.
"""

import argparse
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from pages import exports, house, parts
from rnnlab.config.files import choices, summary
from rnnlab.config.help import command_reference, group_reference, group_texts, markdown_table

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
REGION = re.compile(r"<!-- (tasks|cells|exports|choices: (\w+)) -->\n.*?<!-- end -->", re.DOTALL)


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the files, or check them; the exit code: 1 where one is stale."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="write nothing")
    check = parser.parse_args(arguments).check
    wanted = dict(pages())
    stale = [
        file
        for file, text in wanted.items()
        if not file.exists() or file.read_text(encoding="utf-8") != text
    ]
    for file in stale:
        if check:
            print(f"{file.relative_to(ROOT)} is stale: run make tables")
        else:
            file.parent.mkdir(exist_ok=True)
            file.write_text(wanted[file], encoding="utf-8")
    gone = sorted({*(DOCS / "options").glob("*.md")} - wanted.keys())
    for file in gone:
        if check:
            print(f"{file.relative_to(ROOT)} is of no group: run make tables")
        else:
            file.unlink()
    return 1 if check and (stale or gone) else 0


def pages() -> Iterator[tuple[Path, str]]:
    """Every page with something generated, and what it is to hold."""
    yield DOCS / "options.md", options_page()
    for group in group_texts():
        text = re.sub(r"^#(#+) ", r"\1 ", group_reference(group), flags=re.M)
        yield DOCS / "options" / f"{group}.md", f"{text.rstrip()}\n"
    yield DOCS / "_static" / "house.svg", house.picture()
    for page in sorted(DOCS.rglob("*.md")):
        text = page.read_text(encoding="utf-8")
        if REGION.search(text):
            yield page, REGION.sub(region, text)


def options_page() -> str:
    """All groups with the names of their choices, and the options of the commands."""
    header = ["group", "what it decides", "choices"]
    rows = [
        [f"[{g}](options/{g}.md)", doc, f"`{' '.join(choices(g))}`"]
        for g, doc in group_texts().items()
    ]
    listed = "\n".join(f"options/{group}" for group in group_texts())
    return f"""# Options

`GROUP=CHOICE` takes a choice, `GROUP.OPTION=VALUE` changes one of its options. A group's page
says what each choice is, and lists its options. `rnnlab check --reference` prints all of it.

{markdown_table(header, rows)}

{command_reference()}
```{{toctree}}
:hidden:

{listed}
```
"""


def region(match: re.Match[str]) -> str:
    """A region with what belongs there today."""
    if match[1] == "tasks":
        text = parts.tasks()
    elif match[1] == "cells":
        text = parts.cells(DOCS / "cells" / "measured.json")
    elif match[1] == "exports":
        text = exports.exports()
    else:
        rows = [[f"`{name}`", summary(file)] for name, file in choices(match[2]).items()]
        text = markdown_table([f"`{match[2]}=`", ""], rows)
    return f"<!-- {match[1]} -->\n{text}\n<!-- end -->"


if __name__ == "__main__":
    sys.exit(main())
