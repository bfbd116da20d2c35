"""What the views stand on: a folder's files as Arrow, read as they are asked for, every page checked as it is read.

DuckDB has no files to read by itself: it is handed these. A table that a folder lacks is an empty one with its columns.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds

from builder.requests.spending import ATTEMPT_SCHEMA, read_attempts
from builder.schema import REJECTION_SCHEMA, SAMPLE_SCHEMA, VERDICT_SCHEMA
from builder.store.dataset_folder import DatasetFolder, parquet_errors
from builder.store.reviews import reviews_table

# An Arrow dataset or table: what DuckDB can read by a name that it is given.
Source = Any

_FORMAT = ds.ParquetFileFormat(
    default_fragment_scan_options=ds.ParquetFragmentScanOptions(page_checksum_verification=True)
)


def _parquet(paths: Sequence[Path], schema: pa.Schema) -> Source:
    if not paths:
        return schema.empty_table()
    with parquet_errors(paths[0]):
        return ds.dataset([str(path) for path in paths], schema=schema.remove_metadata(), format=_FORMAT)


def _samples(folder: DatasetFolder) -> Source:
    folder.check_where_finished(folder.samples)
    return _parquet(folder.parts(folder.samples), SAMPLE_SCHEMA)


def _verdicts(folder: DatasetFolder) -> Source:
    folder.check_where_finished(folder.verdicts)
    return _parquet([folder.verdicts] if folder.verdicts.is_file() else [], VERDICT_SCHEMA)


def _previous(folder: DatasetFolder) -> Source:
    folder.check_where_finished(folder.previous_verdicts)
    return _parquet([folder.previous_verdicts] if folder.previous_verdicts.is_file() else [], VERDICT_SCHEMA)


def _rejections(folder: DatasetFolder) -> Source:
    folder.check_where_finished(folder.rejections)
    return _parquet(folder.parts(folder.rejections), REJECTION_SCHEMA)


def _attempts(folder: DatasetFolder) -> Source:
    return read_attempts(folder.ledger) if folder.ledger.is_file() else ATTEMPT_SCHEMA.empty_table()


SOURCES: Mapping[str, Callable[[DatasetFolder], Source]] = {
    "samples": _samples,
    "verdict_table": _verdicts,
    "previous_table": _previous,
    "rejection_table": _rejections,
    "review_table": reviews_table,
    "attempt_table": _attempts,
}


def signal_names(folder: DatasetFolder) -> list[str]:
    """The signals that a folder holds, by name."""
    return sorted(path.stem for path in folder.signals.glob("*.parquet"))


def signal_source(folder: DatasetFolder, name: str) -> Source:
    """One signal's table."""
    path = folder.signals / f"{name}.parquet"
    folder.check_where_finished(path)
    with parquet_errors(path):
        return ds.dataset(str(path), format=_FORMAT)
