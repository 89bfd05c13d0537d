"""How fast rnnlab trains, against torch's own modules and against plain PyTorch programs.

python scripts/benchmark.py                       everything, under 25 minutes on two cores
python scripts/benchmark.py --quick               under 3 minutes
python scripts/benchmark.py ner translation       some sections; the others' figures are kept
python scripts/benchmark.py --docs docs/benchmarks.md --render    tables of what was measured

What is compared runs in turns, in one process. The figures of all sections are kept in one JSON
file, with the tables as Markdown beside it. Sections that need data sets read them below
RNNLAB_DATA; where these are not there, they say so and are left out.
"""

import argparse
import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import torch

from bench import report
from bench.sections import SECTIONS
from bench.sizes import SIZES
from rnnlab.errors import RnnlabError
from rnnlab.runs.environment import limit_memory, quiet


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, write down, and say what was reached; the exit code."""
    parser = _options()
    chosen = parser.parse_args(arguments)
    unknown = [name for name in chosen.sections if name not in SECTIONS]
    if unknown:
        parser.error(f"no section {', '.join(unknown)}; there are {', '.join(SECTIONS)}")
    words = sys.argv[1:] if arguments is None else arguments
    command = shlex.join(["python", "scripts/benchmark.py", *words])
    torch.set_num_threads(chosen.threads)
    quiet()
    limit_memory()
    size = SIZES[chosen.size]
    record = report.load(chosen.output)
    missing = False
    for name in [] if chosen.render else chosen.sections or list(SECTIONS):
        print(f"\n{name}", flush=True)
        torch.manual_seed(0)
        started = time.perf_counter()
        rows = []
        try:
            for row in SECTIONS[name](size):
                rows.append(row)
                print(f"  {row.get('name') or row['cell'] + ' ' + row['shape']}", flush=True)
        except RnnlabError as error:
            missing = True
            print(f"  left out: {error}", flush=True)
        if rows:
            made = report.taken(command, size.name, time.perf_counter() - started)
            record["sections"][name] = made | {"rows": rows}
            report.save(record, chosen.output)
    text = report.render(record)
    print(f"\n{text}\n\nfigures  {chosen.output}")
    if chosen.docs:
        report.fill(chosen.docs, text)
        print(f"tables   {chosen.docs}")
    return 1 if missing else 0


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "sections", nargs="*", metavar="SECTION", help=f"of {', '.join(SECTIONS)}; default: all"
    )
    parser.add_argument(
        "--quick", dest="size", action="store_const", const="quick", help="less of everything"
    )
    parser.add_argument(
        "--tiny",
        dest="size",
        action="store_const",
        const="tiny",
        help="seconds, on generated data: tests the program, its figures mean nothing",
    )
    parser.add_argument("--threads", type=int, default=2, help="of every variant (default 2)")
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("outputs/benchmark/benchmark.json"),
        help="where figures are kept; the tables come beside it (default %(default)s)",
    )
    parser.add_argument("--docs", type=Path, help="a document with marks for the tables")
    parser.add_argument("--render", action="store_true", help="only write the tables again")
    parser.set_defaults(size="full")
    return parser


if __name__ == "__main__":
    sys.exit(main())
