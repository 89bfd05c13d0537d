"""How many small faults in the code do the tests notice?

    pip install 'mutmut==3.8.*'
    python scripts/mutation_check.py --count 400 --survivors survivors.txt

mutmut makes the faults ("mutants": another operator, another number, an argument left out ...). A
fixed seed draws some. Each goes, alone, into a copy of the repository, where the tests run that
call the changed function, quick ones first. A mutant is killed if a test fails or takes too long.
Running all tests once shows which of them call which function.

mutmut passes over most decorated functions, because it keeps all mutants of a function in one
file. Here each mutant has a file of its own, so that decorated functions are mutated as well.
"""

import argparse
import difflib
import json
import os
import random
import resource
import shutil
import sys
import tempfile
import time
import traceback
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, NamedTuple

import pytest
from tabulate import tabulate

try:
    import libcst as cst
    from mutmut.mutation import file_mutation as mutmut
    from mutmut.mutation.pragma_handling import get_ignored_lines
except ImportError:
    sys.exit("mutation_check: needs mutmut: pip install 'mutmut==3.8.*'")

MODULES = "layers/**/*.py nn/crf.py nn/chain.py nn/search.py diagnostics/stats.py"
MODULES += " config/validate.py config/schema.py config/root*.py config/hints.py"
TESTS = "tests/layers tests/nn/test_crf.py tests/nn/test_search.py tests/diagnostics/test_stats.py"
TESTS += " tests/nn/test_bow.py tests/config"
QUICK = ("-m", "not (slow or data or ddp or gpu or browser)", "-k", "not soon")  # no waiting times
PRELOADED = ("torch", "lightning", "torchmetrics", "hydra", "hypothesis", "beartype", "jaxtyping")
CONTROLS = 10  # runs without a fault: the tests of some functions, chosen as for a mutant, all pass
SECONDS, BYTES = 30, 8 << 30  # CPU time (more for slow tests) and memory that a mutant may take


class AllFunctions(mutmut.MutationVisitor):
    """Finds mutations in decorated functions as well."""

    def _skip_node_and_children(self, node: cst.CSTNode) -> bool:
        return not isinstance(node, cst.FunctionDef) and super()._skip_node_and_children(node)


class Mutant(NamedTuple):
    """A fault: the file and function that have it, the file's text, and what takes whose place."""

    path: str
    function: str
    module: cst.Module
    old: cst.CSTNode
    new: cst.CSTNode

    def text(self) -> str:
        """The file with the fault."""
        return mutmut.deep_replace(self.module, self.old, self.new).code  # type: ignore[union-attr]

    def diff(self) -> str:
        """The lines that change."""
        texts = self.module.code.splitlines(), self.text().splitlines()
        return "\n".join(list(difflib.unified_diff(*texts, lineterm="", n=0))[3:])


def find_mutants(path: str, counts: Counter[str]) -> Iterator[Mutant]:
    """All mutants of a file; `counts` learns of its functions."""
    code = Path(path).read_text()
    wrapper = cst.MetadataWrapper(cst.parse_module(code))
    visitor = AllFunctions(mutmut.mutation_operators, get_ignored_lines(path, code, wrapper))
    module = wrapper.visit(visitor)
    names: dict[cst.CSTNode | None, str] = {}
    for node in module.body:
        for inner in node.body.body if isinstance(node, cst.ClassDef) else [node]:
            if isinstance(inner, cst.FunctionDef):
                prefix = f"{node.name.value}." if isinstance(node, cst.ClassDef) else ""
                names[inner] = prefix + inner.name.value
    counts["seen"] += len(names)
    plain = mutmut.create_mutations(path, code)[1]
    for kind, found in (("mutated", visitor.mutations), ("by mutmut alone", plain)):
        owners = {mutation.contained_by_top_level_function for mutation in found}
        counts[kind] += sum(isinstance(owner, cst.FunctionDef) for owner in owners)
    for mutation in visitor.mutations:
        name = names.get(mutation.contained_by_top_level_function)
        if name is not None:
            yield Mutant(path, name, module, mutation.original_node, mutation.mutated_node)


class Watcher:
    """Plugin of pytest: notes which test calls which function, and how many seconds it takes."""

    def __init__(self) -> None:
        self.noted: dict[str, dict[str, float]] = defaultdict(dict)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[Any]:
        """Run a test and note what it calls."""
        codes: set[CodeType] = set()

        def profile(frame: FrameType, event: str, _: object) -> None:
            if event == "call":
                codes.add(frame.f_code)

        start = time.perf_counter()
        sys.setprofile(profile)
        try:
            return (yield)
        finally:
            sys.setprofile(None)
            for code in codes:
                function = f"{code.co_filename}:{code.co_qualname.partition('.<locals>')[0]}"
                self.noted[function][item.nodeid] = time.perf_counter() - start


class Chosen:
    """Plugin of pytest: runs only some tests, quick ones first, and notes the one that fails."""

    def __init__(self, seconds: dict[str, float]) -> None:
        self.seconds, self.noted = seconds, ""

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Choose and order."""
        chosen = [item for item in items if item.nodeid in self.seconds]
        items[:] = sorted(chosen, key=lambda item: self.seconds[item.nodeid])

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note a failure."""
        self.noted = report.nodeid if report.failed else self.noted


def forked(words: list[str], plugin: Watcher | Chosen, limit: int | None) -> tuple[int, Any]:
    """Exit code of pytest in a process of its own, and what the plugin noted there."""
    note = Path("note.json").absolute()
    note.write_text("null")
    if (pid := os.fork()) == 0:
        code = 99
        try:
            os.dup2(os.open("log.txt", os.O_CREAT | os.O_TRUNC | os.O_WRONLY), 1)
            os.dup2(1, 2)
            if limit is not None:
                resource.setrlimit(resource.RLIMIT_CPU, (limit, limit))
                resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))
                os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
                sys.dont_write_bytecode = True
            words += [*QUICK, "-xq", "-pno:cacheprovider", "-otimeout=60", "--basetemp=tmp"]
            words += ["-Wignore::pytest.PytestAssertRewriteWarning"]  # of PRELOADED plugins
            code = int(pytest.main(words, plugins=[plugin]))
            note.write_text(json.dumps(plugin.noted))
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return code, json.loads(note.read_text())


def survives(path: str, text: str, seconds: dict[str, float]) -> tuple[bool, str]:
    """Whether the tests pass with another text of a file; if not, which one fails."""
    if not seconds:
        return True, ""
    shutil.copy2(path, "kept")
    Path(path).write_text(text)
    files = sorted({test.partition("::")[0] for test in seconds})
    code, failed = forked(files, Chosen(seconds), int(SECONDS + 3 * sum(seconds.values())))
    shutil.copy2("kept", path)  # with its time, so that its compiled form stays valid
    return code == 0, failed or f"exit code {code}"


def check(given: argparse.Namespace, report: Callable[[str], None]) -> None:
    """Try the mutants and print the table."""
    for name in PRELOADED:
        import_module(name)
    code, calls = forked(given.tests, Watcher(), None)
    if code != 0:
        log = Path("log.txt").read_text()
        sys.exit(f"mutation_check: tests fail without a fault, exit code {code}\n{log}")

    def concerned(path: str, function: str) -> dict[str, float]:
        """Tests that call the function; where none does (cached, say), all that call its file."""
        file = f"{Path(path).absolute()}:"
        others = (tests for name, tests in calls.items() if name.startswith(file))
        return calls.get(file + function) or {k: v for tests in others for k, v in tests.items()}

    counts: Counter[str] = Counter()
    package = Path("src/rnnlab")
    paths = sorted({str(path) for words in given.modules for path in package.glob(words)})
    mutants = [mutant for path in paths for mutant in find_mutants(path, counts)]
    drawn = random.Random(given.seed).sample(mutants, min(given.count, len(mutants)))
    print("functions:", ", ".join(f"{count} {kind}" for kind, count in counts.items()))
    print(f"mutants: {len(mutants)}, of these {len(drawn)} drawn", flush=True)
    for path, function, module, *_ in drawn[:CONTROLS]:
        passed, failed = survives(path, module.code, concerned(path, function))
        if not passed:
            sys.exit(f"mutation_check: {function} without a fault: {failed} fails")
    begin = time.perf_counter()
    results: dict[str, list[tuple[bool, float]]] = defaultdict(list)
    for mutant in drawn:
        start = time.perf_counter()
        if start - begin > 60 * given.minutes:
            break
        tests = concerned(mutant.path, mutant.function)
        alive, failed = survives(mutant.path, mutant.text(), tests)
        seconds = time.perf_counter() - start
        results[mutant.path].append((not alive, seconds))
        verdict = f"survived {len(tests)} tests" if alive else f"killed by {failed}"
        report(f"{mutant.path} {mutant.function}: {verdict}, {seconds:.1f} s\n{mutant.diff()}\n")
    everything = ("total", [result for found in results.values() for result in found])
    rows = []
    for path, found in [*sorted(results.items()), everything]:
        killed, seconds = (sum(column) for column in zip(*found, strict=True))
        rows.append((path, len(found), killed, f"{killed / len(found):.1%}", round(seconds)))
    print(tabulate(rows, headers=("module", "mutants", "killed", "rate", "seconds")))


def main() -> None:
    """Read the command line; work in a copy of the repository."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=400, help="mutants to draw")
    parser.add_argument("--seed", type=int, default=1, help="of the draw")
    parser.add_argument("--minutes", type=float, default=1e9, help="no new mutant after these")
    parser.add_argument("--modules", nargs="+", default=MODULES.split(), help="in src/rnnlab")
    parser.add_argument("--tests", nargs="+", default=TESTS.split(), help="files and folders")
    parser.add_argument(
        "--report", type=Path, default=Path(os.devnull), help="file for the fate of each mutant"
    )
    given = parser.parse_args()
    left_out = shutil.ignore_patterns(".*", "outputs", "__pycache__")
    with given.report.open("w", buffering=1) as report, tempfile.TemporaryDirectory() as folder:
        copy = Path(folder).resolve() / "copy"
        shutil.copytree(".", copy, ignore=left_out)
        os.chdir(copy)
        os.environ["PYTHONPATH"] = str(copy / "src")  # for tests that start Python
        sys.path.insert(0, str(copy / "src"))
        check(given, report.write)


if __name__ == "__main__":
    main()
