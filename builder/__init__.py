"""Seedbed's dataset builder: seed tasks or files in, a curated and explained dataset out.

    from builder import curate

    dataset = curate(frame, out="datasets_out/ours")       # Polars, pandas, datasets, pyarrow, lists of objects, files
    dataset.rows(reason="refusal")                         # a Polars frame, with the verdict of each row
    dataset.row(17).verdict

All names of this module are public, and nothing else is: `docs/library.md`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from builder.config import Settings
    from builder.dataset import Dataset, build, curate, estimate, judge
    from builder.errors import SeedbedError
    from builder.queries.selecting import Filters

__version__ = "0.1.0"

__all__ = ["Dataset", "Filters", "SeedbedError", "Settings", "build", "curate", "estimate", "judge"]

# Loaded when they are asked for: Polars, DuckDB and pyarrow take half a second.
_HOMES = {
    "Dataset": "builder.dataset",
    "Filters": "builder.queries.selecting",
    "SeedbedError": "builder.errors",
    "Settings": "builder.config",
    "build": "builder.dataset",
    "curate": "builder.dataset",
    "estimate": "builder.dataset",
    "judge": "builder.dataset",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'builder' has no attribute '{name}'")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
