"""The lecture's experiments, and `docs/lecture.md` with the tables and figures that they give.

python scripts/lecture.py                     all of them, under 45 minutes on two cores
python scripts/lecture.py vanishing depth     some
python scripts/lecture.py --runs FOLDER       only tables and figures, of runs made before
"""

import argparse
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # jobs run side by side

from joblib.externals.loky import get_reusable_executor

from lectures import shapes
from lectures.document import put
from lectures.parts import PARTS, Part
from rnnlab.commands.compare.command import write
from rnnlab.commands.compare.finding import find_runs
from rnnlab.commands.compare.groups import group_runs
from rnnlab.errors import RnnlabError
from rnnlab.runs.folders import dated
from rnnlab.runs.launch import launch

TOOK = "processor_seconds.txt"
"""In a part's folder: what training took."""

DOCUMENT = Path(__file__).parents[1] / "docs" / "lecture.md"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the chosen parts; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", metavar="PART", help="names; all without any")
    parser.add_argument("--runs", type=Path, help="folder of an earlier lecture: train nothing")
    parser.add_argument("--document", type=Path, default=DOCUMENT, help="what is filled in")
    parser.add_argument(
        "--set", nargs="*", default=[], metavar="KEY=VALUE", help="overrides for every part"
    )
    chosen = parser.parse_args(arguments)
    names = [part.title for part in PARTS]
    for name in chosen.parts:
        if name not in names:
            print(f"lecture: no part '{name}'; there are {', '.join(names)}", file=sys.stderr)
            return 2
    home = chosen.runs or dated("outputs/lecture")
    figures = chosen.document.parent / "lecture"
    figures.mkdir(parents=True, exist_ok=True)
    shapes.draw(figures / "shapes.png")
    try:
        for part in PARTS:
            if chosen.parts and part.title not in chosen.parts:
                continue
            folder = home / part.title
            if chosen.runs is None:
                before = _processor()
                code = train(part, folder, chosen.set)
                spent = _processor() - before
                (folder / TOOK).write_text(f"{spent:.0f}\n", encoding="utf-8")
                if code == 130:
                    return code
            show(part, folder, chosen.document, figures)
    except RnnlabError as error:
        print(f"lecture: {error}", file=sys.stderr)
        return 2
    spent = _minutes(list(home.iterdir()))
    print(f"took     {spent:.1f} processor minutes: {spent / 2:.1f} minutes of two idle cores")
    return 0


def _processor() -> float:
    """Seconds of processor time so far, of this process and of all that it has started."""
    get_reusable_executor().shutdown(wait=True)  # processes count once they have ended
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _minutes(folders: Sequence[Path]) -> float:
    """Processor minutes that training in these folders took, as far as they say so."""
    notes = [folder / TOOK for folder in folders]
    return sum(float(note.read_text(encoding="utf-8")) for note in notes if note.exists()) / 60


def train(part: Part, folder: Path, words: Sequence[str]) -> int:
    """The part's sweep, into one folder; the exit code."""
    print(f"\n{part.command}", flush=True)
    return launch(
        ["-m", f"experiment={part.name}", *part.words, *words, f"hydra.sweep.dir={folder}"]
    )


def show(part: Part, folder: Path, document: Path, figures: Path) -> None:
    """The comparison of the part's runs beside them; tables and figures into the document."""
    runs, skipped = find_runs([folder])
    groups = group_runs(runs, part.by)
    compared = folder / "compare"
    compared.mkdir(exist_ok=True)
    write(groups, compared, notes=skipped)
    names = []
    for figure in part.figures:
        names.append(f"{part.title}_{figure}.png")
        shutil.copyfile(compared / f"{figure}.png", figures / names[-1])
    shown = part.show(runs, figures, part.title)
    minutes = f" ({_minutes([folder]):.1f} processor minutes)" if (folder / TOOK).exists() else ""
    pictures = [f"![{part.title}](lecture/{name})" for name in names]
    put(document, part.title, [f"`{part.command}`{minutes}", "", *shown, "", *pictures])
    print(f"shown    {document}: {part.title}; page {compared / 'compare.html'}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
