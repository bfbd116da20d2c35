"""What every target is: how a sample becomes a row for it, which kinds of rows a file may hold, and what stands beside them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from builder.schema import Sample

Row = dict[str, Any]
# A sample as a row, and the kind that the row is of.
Write = Callable[[Sample], tuple[str, Row]]

NESTED = (".json", ".jsonl", ".ndjson", ".parquet")
FLAT = (".csv", ".xlsx")
LINES = (".jsonl", ".json", ".parquet")  # lines first: a folder's files are read by `datasets` a piece at a time


@dataclass(frozen=True, slots=True)
class DataFile:
    """One file of an export.

    Attributes:
        kind: of its rows.
        rows: how many it holds.
        columns: all that its rows have.
        tokens: about how many they are, where the target counts them; else 0.
    """

    path: Path
    kind: str
    rows: int
    columns: tuple[str, ...]
    tokens: int = 0


@dataclass(frozen=True, slots=True)
class Target:
    """One way to write rows, named by `--format`.

    Attributes:
        write: raises `InexpressibleError` where it has no place for a sample.
        kinds: each kind of row, and what trains on a file of it; `{file}` and `{name}` stand for the file's name, with its
            ending and without.
        layout: `file` mixes the kinds in a file; `kind` is a file of one kind, or a folder with a file for each; `folder`
            is always one.
        suffixes: of files; the first one of those in a folder.
        flat: how a row of a table is written, or None.
        complete: every row has all columns of its file, with an empty text where it has nothing.
        check: refuses a folder before anything is written in it; given the folder, the data set's name and `overwrite`.
        beside: the texts of the files that stand beside the data in a folder, by name; given the folder, the data set's
            name and the data files.
        tokens: about how many a row is, where they are paid for.
        remarks: what a person should know about a row that is written.
        advice: the same about a whole file.
    """

    name: str
    write: Write
    kinds: Mapping[str, str]
    layout: Literal["file", "kind", "folder"] = "kind"
    suffixes: tuple[str, ...] = NESTED
    flat: Write | None = None
    complete: bool = False
    check: Callable[[Path, str, bool], None] = field(default=lambda folder, name, overwrite: None)
    beside: Callable[[Path, str, list[DataFile]], Mapping[str, str]] = field(default=lambda folder, name, files: {})
    tokens: Callable[[Row], int] = field(default=lambda row: 0)
    remarks: Callable[[Sample, Row], list[str]] = field(default=lambda sample, row: [])
    advice: Callable[[DataFile], str | None] = field(default=lambda file: None)

    def data_name(self, name: str, kind: str) -> str:
        """What a folder's file of one kind is called, without its ending: the first kind has the name of the data set."""
        own = kind == next(iter(self.kinds)) and name != "dataset_info"  # that file describes the data sets
        return name if own else f"{name}_{kind}"

    def trains_with(self, file: DataFile) -> str:
        """What trains on a file."""
        return self.kinds[file.kind].format(file=file.path.name, name=file.path.stem)
