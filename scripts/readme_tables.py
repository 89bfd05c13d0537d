"""The tables of choices in README.md, and docs/options.md: made from `configs/` and the classes.

python scripts/readme_tables.py           write both
python scripts/readme_tables.py --check   write nothing; say which of them is stale

In README.md the lines between `<!-- groups -->` or `<!-- choices: GROUP -->` and `<!-- end -->`
are made here: all groups with the names of their choices, or the choices of one group.
"""

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from rnnlab.config.files import choices, summary
from rnnlab.config.help import group_texts, markdown_table, reference

ROOT = Path(__file__).parents[1]
REGION = re.compile(r"<!-- (groups|choices: (\w+)) -->\n.*?<!-- end -->", re.DOTALL)


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the files, or check them; the exit code: 1 where one is stale."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="write nothing")
    check = parser.parse_args(arguments).check
    readme = ROOT / "README.md"
    wanted = {
        readme: REGION.sub(region, readme.read_text(encoding="utf-8")),
        ROOT / "docs" / "options.md": reference(),
    }
    stale = [
        file
        for file, text in wanted.items()
        if not file.exists() or file.read_text(encoding="utf-8") != text
    ]
    for file in stale:
        if check:
            print(f"{file.relative_to(ROOT)} is stale: run make tables")
        else:
            file.write_text(wanted[file], encoding="utf-8")
    return 1 if check and stale else 0


def region(match: re.Match[str]) -> str:
    """A region of README.md with its table of today."""
    if match[2] is None:
        header = ["group", "what it decides", "choices"]
        rows = [[f"`{g}`", doc, f"`{' '.join(choices(g))}`"] for g, doc in group_texts().items()]
    else:
        header = [f"`{match[2]}=`", ""]
        rows = [[f"`{name}`", summary(file)] for name, file in choices(match[2]).items()]
    return f"<!-- {match[1]} -->\n{markdown_table(header, rows)}\n<!-- end -->"


if __name__ == "__main__":
    sys.exit(main())
