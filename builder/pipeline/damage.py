"""What of a folder's files is damaged or missing, also where no manifest says what they should be.

A command that breaks off over such a folder breaks off because of it; over a whole one it is a bug.
"""

import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from builder.language.messages import worded
from builder.pipeline.looking import verify
from builder.schema import REJECTION_SCHEMA, SAMPLE_SCHEMA, VERDICT_SCHEMA
from builder.store.dataset_folder import DatasetFolder
from builder.store.manifest import STRAY, UNFINISHED, Problem
from builder.store.snapshot import consistent, open_snapshot

_BY_ROW = pa.schema([SAMPLE_SCHEMA.field("row")])
# What `verify` finds and what is no damage.
_HARMLESS = (STRAY, UNFINISHED)


@consistent
def find_damage(root: Path) -> Problem | None:
    """The first damage that is found in a dataset folder; None where all of it is whole.

    Raises:
        SeedbedError: it cannot be looked for, as where there is no such folder.
    """
    folder = open_snapshot(root)
    found = next((problem for problem in verify(root) if problem.problem not in _HARMLESS), None)
    if found is not None:
        return found
    tables = [(part, SAMPLE_SCHEMA) for part in folder.parts(folder.samples)]
    tables += [(part, REJECTION_SCHEMA) for part in folder.parts(folder.rejections)]
    tables += [(folder.verdicts, VERDICT_SCHEMA)] if os.path.lexists(folder.verdicts) else []
    tables += [(path, _BY_ROW) for path in sorted(folder.signals.glob("*.parquet"))]
    for path, schema in tables:
        if (problem := _unlike(path, schema)) is not None:
            return Problem(path.relative_to(folder.root).as_posix(), problem)
    return _miscounted(folder)


def _unlike(path: Path, schema: pa.Schema) -> str | None:
    """Why a file is no table with the columns of a schema that are never empty."""
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            there = file.read()
    except (pa.ArrowException, OSError) as error:
        return worded("cannot be read ({name})", name=type(error).__name__)
    for field in schema:
        # What is inside a list may have gained members since.
        if not field.nullable and (
            field.name not in there.column_names
            or there.schema.field(field.name).type.id != field.type.id
            or there[field.name].null_count
        ):
            return worded("its column {name} is not what it should be", name=field.name)
    return None


def _miscounted(folder: DatasetFolder) -> Problem | None:
    """Parts, or parts and verdicts, that are whole by themselves and do not fit together."""
    rows = folder.samples_table()["row"].to_pylist()
    wrong = next((place for place, row in enumerate(rows) if place != row), None)
    if wrong is not None:
        return Problem(
            folder.samples.name,
            worded("row {wrong} is missing, found row {rows} in its place", wrong=wrong, rows=rows[wrong]),
        )
    if not folder.verdicts.is_file():
        return None
    decided = folder.verdicts_table(["row"])["row"].to_pylist()
    # Rows that were added since have none yet.
    if decided != rows[: len(decided)]:
        return Problem(
            folder.verdicts.name, worded("{decided:,} verdicts for {rows:,} rows", decided=len(decided), rows=len(rows))
        )
    return None
