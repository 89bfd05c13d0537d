"""rnnlab: study and train recurrent networks.

From Python, a trained model is three lines:

    import rnnlab
    model = rnnlab.load("outputs/sentiment-lstm/2026-01-31_12-00-00")
    model.predict(["What a film!"])
"""

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rnnlab.runs.predictor import load

__version__ = version("rnnlab")
__all__ = ["__version__", "load"]


def __getattr__(name: str) -> Any:
    """Import torch and friends only when `load` is asked for: `rnnlab --help` must be quick."""
    if name == "load":
        from rnnlab.runs.predictor import load

        return load
    raise AttributeError(f"module 'rnnlab' has no attribute {name!r}")
