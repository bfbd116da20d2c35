"""Measuring a dataset folder: whatever is not known of its rows yet, in one pass over partitions.

A measured table (`signals/<name>.parquet`) covers rows 0 to n − 1 in one version of its code. New rows are appended; a table
of another version is measured again from the first row.
"""

import contextlib
from collections.abc import Callable, Collection
from functools import partial
from itertools import accumulate
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from builder.config import Settings
from builder.curation.classifying import GUESS
from builder.curation.contamination import CONTAMINATION, contamination_schema, index_benchmark, load_benchmark
from builder.curation.deciding import REVIEWED, SAMPLE_COLUMNS, columns_read
from builder.curation.difficulty import DIFFICULTY
from builder.curation.facts import FACTS, facts_schema, find_missing
from builder.curation.filtering import needs_text
from builder.curation.partitions import Work, check_partition, measure_partition
from builder.curation.quality import QUALITY
from builder.errors import IntegrityError, UsageError
from builder.execution import even_rows, run
from builder.formats.importing import read_samples
from builder.formats.inputs import local_inputs
from builder.language.messages import worded
from builder.progress import Reporter
from builder.reporting.tables import collect, scan_files, scan_samples
from builder.schema import Sample
from builder.signals import SIGNALS
from builder.store.dataset_folder import DatasetFolder, Partition, parquet_errors
from builder.store.files import parquet_file, table_writer

_VERSION = b"seedbed.signal"


def measure_folder(folder: DatasetFolder, settings: Settings, reporter: Reporter, *, may_measure: bool = True) -> None:
    """Bring every table of signals up to the folder's rows.

    Args:
        may_measure: whether anything may be measured; else all must be there.

    Raises:
        UsageError: something is missing that may not be measured, or a benchmark cannot be read.
    """
    benchmark = read_benchmark(settings, reporter)
    sizes = settings.contamination
    index = index_benchmark(load_benchmark(benchmark), sizes.ngram, sizes.characters) if benchmark else None
    schemas = {name: signal.schema for name, signal in SIGNALS.items()}
    schemas[FACTS] = facts_schema(settings.novelty.key)
    if index is not None:
        schemas[CONTAMINATION] = contamination_schema(index)
    rows = folder.count_samples()
    damaged = _refuse_damaged(folder, schemas)
    covered = {
        name: 0 if name in damaged else _rows_covered(_path(folder, name), schema, rows)
        for name, schema in schemas.items()
    }
    first = {name: count for name, count in covered.items() if count < rows}
    if not first:
        return
    if not may_measure:
        missing = "\n".join(
            worded("  - {name}: {number:,} of {rows:,} rows", name=name, number=rows - count, rows=rows)
            for name, count in first.items()
        )
        raise UsageError(
            worded("{called}: some rows are not measured yet\n{missing}", called=folder.called, missing=missing),
            worded(
                "Run `seedbed curate {called}` without --redecide; it measures only what is missing.",
                called=folder.called,
            ),
        )
    work = Work(first, settings.novelty.key, index)
    done = min(first.values())
    partitions = folder.partitions(even_rows(rows - done, settings.execution), done)
    with contextlib.ExitStack() as stack:
        step = stack.enter_context(reporter.step(worded("Measuring"), total=sum(p.count for p in partitions)))
        results = stack.enter_context(
            contextlib.closing(
                run(partial(measure_partition, work), partitions, settings.execution, pack=Partition.packed)
            )
        )
        writers = {}
        for name, count in first.items():
            writers[name] = stack.enter_context(table_writer(_path(folder, name), schemas[name]))
            if count:
                _copy(_path(folder, name), writers[name])
        seen: dict[str, bool] = {}
        for partition, tables in zip(partitions, results, strict=True):
            for name, table in tables.items():
                # workers may be machines that do not have the pictures
                writers[name](find_missing(table, seen) if name == FACTS else table)
            step.advance(partition.count)


def check_texts(folder: DatasetFolder, settings: Settings) -> pl.DataFrame | None:
    """The failed checks that depend on settings and texts alone, such as the user's own blocked words; None without any."""
    if not needs_text(settings.filters):
        return None
    partitions = folder.partitions(settings.execution.partition_rows)
    with contextlib.closing(
        run(partial(check_partition, settings.filters), partitions, settings.execution, pack=Partition.packed)
    ) as results:
        return pl.concat([*results]) if partitions else None


def read_rows(folder: DatasetFolder, settings: Settings) -> pl.DataFrame:
    """What the decisions read of every row: columns of the samples, of facts and of signals, in row order.

    Raises:
        IntegrityError: a file cannot be read.
    """
    samples = collect(scan_samples(folder).select(SAMPLE_COLUMNS), folder.samples)
    rows = samples["row"]
    columns: dict[str, pl.Series] = {}
    wanted = columns_read(settings)
    for path in sorted(folder.signals.glob("*.parquet")):
        if path.stem in (QUALITY, REVIEWED) or (path.stem == CONTAMINATION and not settings.contamination.against):
            continue
        with parquet_errors(path):
            present = [name for name in pq.read_schema(path).names if name in wanted]
        if not present:
            continue
        frame = collect(scan_files(path).select("row", *present), path)
        if not frame["row"].equals(rows):  # a table made elsewhere may hold fewer rows, in any order
            frame = samples.select("row").join(frame, on="row", how="left", maintain_order="left")
            if len(frame) != len(rows):
                raise IntegrityError(
                    worded("{path}: it holds a row twice", path=path),
                    worded("Remove the file and run `seedbed curate` again."),
                )
        for column in frame.drop("row"):
            # Marks before admission stand in `checked`, later ones in `judge`.
            before = columns.get(column.name)
            columns[column.name] = column if before is None else column.zip_with(column.is_not_null(), before)
    return samples.with_columns(columns.values())


def read_benchmark(settings: Settings, reporter: Reporter) -> list[Sample]:
    """The rows of the files in `contamination.against`; it is said which of them cannot be compared."""
    if not settings.contamination.against:
        return []
    with local_inputs(settings.contamination.against, reporter) as files:
        read = read_samples(files, mends=settings.mend.kinds, reporter=reporter)
    for cause in read.left_out:
        reporter.say(
            worded(
                "{file}, row {row}: {problem}; nothing is compared with {rows:,} such rows",
                file=cause["file"],
                row=cause["row"],
                problem=cause["problem"],
                rows=cause["rows"],
            )
        )
    return read.samples


def _path(folder: DatasetFolder, name: str) -> Path:
    return folder.signals / f"{name}.parquet"


def _refuse_damaged(folder: DatasetFolder, measured: Collection[str]) -> set[str]:
    """The names of tables that are not what was written, where they can be made anew."""
    problems = folder.problems(folder.signals)
    anew = {*measured, QUALITY, DIFFICULTY, GUESS, REVIEWED}
    folder.refuse([problem for problem in problems if Path(problem.path).stem not in anew])
    return {Path(problem.path).stem for problem in problems}


def _rows_covered(path: Path, schema: pa.Schema, rows: int) -> int:
    """How many rows from the first on a table holds in this version; 0 where it is another or damaged one."""
    if not path.is_file():
        return 0
    try:
        with pq.ParquetFile(path) as file:
            there = file.schema_arrow
            version = (there.metadata or {}).get(_VERSION)
            if not there.equals(schema) or version != schema.metadata[_VERSION] or file.metadata.num_rows > rows:
                return 0
            groups = [file.metadata.row_group(number) for number in range(file.num_row_groups)]
            spans = [(group.column(file.schema.names.index("row")).statistics, group.num_rows) for group in groups]
            starts = accumulate((count for _, count in spans), initial=0)
            whole = all(
                there is not None and (there.min, there.max) == (start, start + count - 1)
                for (there, count), start in zip(spans, starts, strict=False)
            )
            return file.metadata.num_rows if whole else 0
    except (pa.ArrowException, OSError):
        return 0


def _copy(path: Path, write: Callable[[pa.Table], None]) -> None:
    with parquet_errors(path), parquet_file(path) as file:
        for number in range(file.num_row_groups):
            write(file.read_row_group(number))
