"""Parts one after the other: none ends the others, none takes more than its time."""

import signal
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from gpu.device import Setting
from gpu.report import Part


class OutOfTimeError(BaseException):
    """A part has had its time; what a part catches, such as a way that fails, it is none of."""


@contextmanager
def limit(seconds: float) -> Iterator[None]:
    """Raise `OutOfTimeError` inside when the time is over; where there is no alarm, never."""

    def over(number: int, frame: FrameType | None) -> None:
        raise OutOfTimeError

    if not hasattr(signal, "SIGALRM"):
        yield
        return
    before = signal.signal(signal.SIGALRM, over)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def run_parts(
    parts: dict[str, Callable[[Setting], object] | str],
    setting: Setting,
    seconds: float,
    written: Callable[[], object],
) -> None:
    """Run parts into `setting.parts`.

    A part may take twice its share of the time that is left. What it found by then stays.

    Args:
        parts: By name; a line of text where one cannot run.
        setting: Device and sizes.
        seconds: For all of them.
        written: Called after each: writes the report.
    """
    ends = time.monotonic() + seconds
    for number, (name, function) in enumerate(parts.items()):
        print(f"{name} ...", flush=True)
        begun, left = len(setting.parts), ends - time.monotonic()
        share = left if number == len(parts) - 1 else 2 * left / (len(parts) - number + 1)
        lines, failed = [], False
        if isinstance(function, str):
            lines = [function]
        elif left <= 0:
            lines = ["no time was left"]
        else:
            lines, failed = _run(function, setting, share)
        if len(setting.parts) == begun:
            setting.parts.append(Part(name, ()))
        last = setting.parts[-1]
        (last.failures if failed else last.skipped).extend(lines)
        written()


def _run(
    function: Callable[[Setting], object], setting: Setting, seconds: float
) -> tuple[list[str], bool]:
    """What there is to say of a part that did not come to its end, and whether that is wrong."""
    try:
        with limit(seconds):
            function(setting)
    except OutOfTimeError:
        return [f"the rest: {seconds:.2g} seconds were over"], False
    except Exception as problem:  # the other parts are to run
        place = traceback.extract_tb(problem.__traceback__)[-1]
        said = (str(problem).splitlines() or [""])[0]
        where = f"{Path(place.filename).name}:{place.lineno}"
        return [f"{type(problem).__name__} at {where}: {said}"], True
    return [], False
