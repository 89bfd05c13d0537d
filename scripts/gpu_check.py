"""Checks and measures rnnlab on a CUDA device, in one command and without any data.

    python scripts/gpu_check.py                  # at most 15 minutes
    python scripts/gpu_check.py --seconds 500    # less: parts are cut short, and it says which
    python scripts/gpu_check.py --device cpu     # the same on a CPU; says what it leaves out
    python scripts/gpu_check.py --small          # tiny sizes: tests this program, not the device

Writes gpu_check.json and gpu_check.md after each part. A part that fails or takes too long does not
end the others. The exit code is 1 where a check failed, 2 where it could not begin.
"""

import argparse
import importlib.util
import sys
import types
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

HERE = Path(__file__).resolve().parent
PARTS = {
    "exactness": ("gpu.exactness", "check_exactness"),
    "precision": ("gpu.precision", "check_precision"),
    "probe": ("gpu.probe", "check_probe"),
    "training": ("gpu.training", "measure_training"),
    "program": ("gpu.program", "measure_program"),
    "rivals": ("gpu.rivals", "measure_rivals"),
    "directions": ("gpu.directions", "measure_directions"),
    "host": ("gpu.host", "measure_host"),
    "choices": ("gpu.choices", "measure_choices"),
    "cost": ("gpu.probe", "measure_probe"),
    "command": ("gpu.command", "check_command"),
    "layers": ("gpu.speed", "measure_layers"),
}
"""Module and function of each part, the most important first.

`command` needs Hydra; it, `training`, `program`, `rivals` and `choices` need Lightning.
"""

NEEDED = ("torch", "numpy", "annotated_types", "tabulate")
"""Packages without which no part runs."""


def stand_in_for_jaxtyping() -> None:
    """Where jaxtyping is missing its shapes are left unchecked: they are annotations alone."""
    if importlib.util.find_spec("jaxtyping"):
        return
    module = types.ModuleType("jaxtyping")

    class Shaped:
        def __class_getitem__(cls, item: tuple) -> object:
            return item[0]

    for name in ("Bool", "Float", "Int", "Shaped"):
        setattr(module, name, Shaped)
    sys.modules["jaxtyping"] = module


def load(name: str) -> Callable | str:
    """The function of a part, or a line that says what is missing."""
    module, function = PARTS[name]
    try:
        return getattr(import_module(module), function)
    except ModuleNotFoundError as missing:
        package = str(missing.name).partition(".")[0]
        return f"needs {package}, which is not installed here"


def main() -> None:
    """Run the parts, show a table of verdicts, write the report."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--device", help="cuda, cuda:1, cpu; by default cuda where there is one")
    parser.add_argument("--small", action="store_true", help="tiny sizes, seconds on a CPU")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), metavar="PART")
    parser.add_argument("--seconds", type=float, default=900.0, help="at most; 900 by default")
    parser.add_argument("--out", type=Path, default=HERE.parent / "outputs" / "gpu_check")
    arguments = parser.parse_args()
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        parser.error(f"not installed: {', '.join(missing)}; see docs/gpu.md")
    if importlib.util.find_spec("rnnlab") is None:
        sys.path.insert(0, str(HERE.parent / "src"))
    stand_in_for_jaxtyping()

    import torch

    from gpu.device import Setting, machine
    from gpu.report import Report
    from gpu.runner import run_parts

    there = torch.cuda.is_available()
    device = torch.device(arguments.device or ("cuda" if there else "cpu"))
    if device.type not in ("cpu", "cuda") or (device.type == "cuda" and not there):
        parser.error(f"there is no device {device} here")
    if device.type == "cpu":
        print("no GPU: waits, peak memory and cuDNN are left out")
    else:
        torch.cuda.set_device(device)  # the one that the clock waits for
    setting = Setting(device, arguments.small, budget=0.01 if arguments.small else 0.3)
    report = Report(machine(setting), setting.parts)
    loaded = {name: load(name) for name in arguments.only}
    run_parts(loaded, setting, arguments.seconds, lambda: report.write(arguments.out))
    print(report.summary())
    print(f"wrote {arguments.out / 'gpu_check.md'}")
    sys.exit(0 if report.right else 1)


if __name__ == "__main__":
    main()
