"""A dataset folder as a small database: the one place that reads what was decided.

with Database.open(Path("datasets_out/demo")) as database:
    database.facets("reason")                                   too_similar 812, length 40, …
    database.page(Filters(kept=True, search="分类"), limit=20)   twenty lines, how many there are, where the next page begins
    database.sql("SELECT category, count(*) FROM rows GROUP BY ALL")
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import duckdb
import polars as pl
import pyarrow as pa

from builder.cores import usable_cores
from builder.errors import IntegrityError, UsageError, nearest
from builder.language.messages import worded
from builder.queries.records import Column
from builder.queries.search_index import SearchIndex
from builder.queries.sources import SOURCES, signal_names, signal_source
from builder.queries.statement import Statement, read_statement
from builder.queries.views import INNER, LABELS, NAMES, VIEWS, own_name, quoted, signals_view
from builder.store.dataset_folder import DatasetFolder
from builder.store.snapshot import open_snapshot

# Enough to sort and join a million rows; beyond it a query ends with an error, and the machine lives on.
MEMORY = "1GB"
# A question of a million rows takes a second or two.
SECONDS = 60.0
# Of an answer: what is read at once, and held in memory.
MOST_ROWS = 1_000_000
_MOST_BYTES = 512 * 2**20
_AT_ONCE = 10_000
_LOOKED_UP = 0.05  # seconds between two looks at the clock while a query runs
_SIGNAL = "signal_"


class Database:
    """A folder's views on one connection, read only; safe to share between threads, which take turns.

    What a view stands on is checked and opened when it is first asked for, and stays as it was then.

    Args:
        folder: whose files are read.
        memory: the most that queries may use, as DuckDB writes it.
    """

    def __init__(self, folder: DatasetFolder, *, memory: str = MEMORY) -> None:
        self.folder = folder
        self._made: set[str] = set()
        self._columns: dict[str, list[Column]] = {}
        self._label_columns = set(LABELS)
        self._values: dict[str, list[str]] = {}
        self._signals: dict[str, list[str]] | None = None
        self._index: SearchIndex | None = None
        self._turn = threading.RLock()
        self._connection = duckdb.connect(":memory:", config={"python_enable_replacements": "false"})
        for setting, value in (
            ("memory_limit", f"'{memory}'"),
            ("threads", usable_cores()),
            ("temp_directory", "''"),
            ("autoload_known_extensions", "false"),
            ("autoinstall_known_extensions", "false"),
            ("enable_progress_bar", "false"),
            ("enable_external_access", "false"),
            ("lock_configuration", "true"),  # from here on nothing of this can be undone
        ):
            self._connection.execute(f"SET {setting} = {value}")

    @classmethod
    def open(cls, root: Path, *, memory: str = MEMORY) -> Self:
        """The database of a folder, decided or not.

        Raises:
            InputFileError: there is no dataset folder.
        """
        return cls(open_snapshot(root), memory=memory)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the files."""
        self._connection.close()
        if self._index is not None:
            self._index.close()

    def search_index(self) -> SearchIndex:
        """The folder's search index, opened when it is first asked for."""
        with self._turn:
            if self._index is None:
                self._index = SearchIndex(self.folder)
            return self._index

    def columns(self, view: str) -> list[Column]:
        """The columns of a view, in order."""
        with self._turn:
            if view not in self._columns:
                self._make(view)
                described = self._connection.execute(f"DESCRIBE {view}").fetchall()
                self._columns[view] = [Column(str(row[0]), str(row[1])) for row in described]
            return self._columns[view]

    def views(self) -> dict[str, list[str]]:
        """The columns of each view, by its name."""
        return {view: [column.name for column in self.columns(view)] for view in sorted(NAMES)}

    def sql(self, text: str, *, most: int = MOST_ROWS, seconds: float = SECONDS) -> pl.DataFrame:
        """What a SELECT of the views answers.

        Args:
            text: see `builder.queries.statement` for what it may say.
            most: rows of the answer beyond these are left out.
            seconds: it may take.

        Raises:
            UsageError: it cannot be answered, takes too long, or too much memory.
            IntegrityError: a file that it reads is not what was written.
        """
        with self._turn:
            statement = read_statement(self._connection, text, NAMES)
            for view in sorted(statement.tables):
                self._make(view, statement)
            try:
                return self._within(seconds, lambda: self._read(text, most))
            except (duckdb.InterruptException, TimeoutError):
                raise UsageError(
                    worded("the query took longer than {seconds:g} seconds", seconds=seconds),
                    worded("Ask for less: fewer rows, or fewer columns."),
                ) from None
            except duckdb.OutOfMemoryException:
                raise UsageError(
                    worded("the query takes more memory than it may"),
                    worded("Ask for less: fewer rows, or fewer columns."),
                ) from None
            except duckdb.Error as error:
                raise self._mistake(error, statement) from None

    def _read(self, text: str, most: int) -> pl.DataFrame:
        self._connection.execute("BEGIN TRANSACTION READ ONLY")
        try:
            return _frame(self._batches(text, most))
        finally:
            self._connection.execute("ROLLBACK")

    def _batches(self, text: str, most: int) -> pa.Table:
        reader = self._connection.sql(text).to_arrow_reader(_AT_ONCE)
        batches: list[pa.RecordBatch] = []
        rows = held = 0
        for batch in reader:
            batches.append(batch.slice(0, most - rows))
            rows, held = rows + batches[-1].num_rows, held + batch.nbytes
            if held > _MOST_BYTES:
                raise UsageError(
                    worded("the answer holds more than {most_bytes} MiB", most_bytes=_MOST_BYTES // 2**20),
                    worded("Ask for fewer rows, or for fewer columns."),
                )
            if rows >= most:
                break
        return pa.Table.from_batches(batches, reader.schema)

    def _within(self, seconds: float, ask: Callable[[], pl.DataFrame]) -> pl.DataFrame:
        """What a question answers, asked in a thread of its own, so that Ctrl-C and the clock end it at once.

        Raises:
            TimeoutError: it took longer.
        """
        with ThreadPoolExecutor(1) as beside:
            answer = beside.submit(ask)
            end = time.monotonic() + seconds
            try:
                while not wait([answer], timeout=_LOOKED_UP).done:
                    if time.monotonic() > end:
                        raise TimeoutError
                return answer.result()
            finally:
                # One that is not running yet misses the first.
                while not answer.done():
                    self._connection.interrupt()
                    wait([answer], timeout=_LOOKED_UP)

    def ask(
        self,
        text: str,
        parameters: Sequence[Any] = (),
        *,
        reads: Sequence[str],
        signals: Sequence[str] = (),
        tables: Mapping[str, pa.Table] | None = None,
    ) -> pl.DataFrame:
        """What a query of ours answers; values go in as parameters.

        Args:
            reads: the views and inner tables that it names.
            signals: columns that it names of the view `signals`.
            tables: further ones that it names, for this query only.

        Raises:
            IntegrityError: a file that it reads is not what was written.
        """
        with self._turn:
            for name in reads:
                self._make(name)
            if signals:
                self._make_signals(frozenset(signals))
            given = tables or {}
            for name, held in given.items():
                self._connection.register(name, held)
            try:
                table = self._connection.sql(text, params=list(parameters)).to_arrow_table()
            except (duckdb.Error, pa.ArrowException) as error:
                raise self._damage(error) from error
            finally:
                for name in given:
                    self._connection.unregister(name)
        return _frame(table)

    def _damage(self, error: Exception) -> Exception:
        if isinstance(error, duckdb.OutOfMemoryException):
            return UsageError(
                worded("the query takes more memory than it may"), worded("Ask for less: fewer rows, or fewer columns.")
            )
        if isinstance(error, duckdb.Error) and not isinstance(error, duckdb.InvalidInputException | duckdb.IOException):
            return error
        return IntegrityError(
            worded(
                "{root}: a table cannot be read ({splitlines})",
                root=self.folder.root,
                splitlines=str(error).splitlines()[0],
            ),
            worded("`seedbed verify {root}` shows what changed.", root=self.folder.root),
        )

    def _make(self, name: str, asked: Statement | None = None) -> None:
        """Make a view, or what one stands on, where it was not made yet."""
        if name == "signals":
            self._make_signals(None if asked is None or asked.star else asked.names)
            return
        if name in self._made:
            return
        if name in SOURCES:
            self._connection.register(name, SOURCES[name](self.folder))
        elif name.startswith(_SIGNAL):
            self._connection.register(name, signal_source(self.folder, name.removeprefix(_SIGNAL)))
        else:
            view = VIEWS[name] if name in VIEWS else INNER[name]
            for under in view.stands_on:
                self._make(under)
            self._connection.execute(view.statement)
        self._made.add(name)

    def signals(self) -> dict[str, list[str]]:
        """The columns of each signal, by the name of its source."""
        with self._turn:
            if self._signals is None:
                self._signals = {}
                for name in signal_names(self.folder):
                    source = f"{_SIGNAL}{name}"
                    self._make(source)
                    described = self._connection.execute(f"DESCRIBE {quoted(source)}").fetchall()
                    self._signals[source] = [row[0] for row in described if row[0] != "row"]
            return self._signals

    def values(self, column: str) -> list[str]:
        """The values of a label, in order; found once, as the labels stay as they are."""
        with self._turn:
            if column not in self._values:
                text = f"SELECT DISTINCT {quoted(column)} AS value FROM labels WHERE value IS NOT NULL"
                self._values[column] = sorted(map(str, self.ask(text, reads=["labels"])["value"]))
            return self._values[column]

    def hold(self, column: str) -> None:
        """Hold a measured value beside the labels, so that rows are sorted and paged by it in memory.

        Raises:
            UsageError: nothing of this name is measured.
        """
        with self._turn:
            self._make("labels")
            if column in self._label_columns:
                return
            source = next((source for source, names in self.signals().items() if column in names), None)
            if source is None:
                known = [*self._label_columns, *(name for names in self.signals().values() for name in names)]
                raise UsageError(
                    worded("rows are not sorted by {column}{nearest}", column=column, nearest=nearest(column, known)),
                    worded("Sort by a label or by a measured value."),
                )
            self._connection.execute(
                f"CREATE OR REPLACE TABLE labels AS SELECT labels.*, s.{quoted(column)} "
                f"FROM labels LEFT JOIN {quoted(source)} s ON s.row = labels.row ORDER BY labels.row"
            )
            self._label_columns.add(column)

    def _make_signals(self, asked: frozenset[str] | None) -> None:
        """Make `signals` of those signals that hold the columns that are asked for: to join all twenty takes seconds."""
        self._make("labels")
        found = self.signals()
        if asked is not None:
            found = {
                source: columns
                for source, columns in found.items()
                if any({name.lower(), own_name(source, name).lower()} & asked for name in columns)
            }
        self._connection.execute(signals_view(found))

    def _mistake(self, error: duckdb.Error, statement: Statement) -> Exception:
        """A mistake in a query from outside, with the names that there are."""
        if isinstance(error, duckdb.InvalidInputException | duckdb.IOException) and "checksum" in str(error).lower():
            return self._damage(error)
        names = {view: columns for view, columns in self.views().items() if view in statement.tables}
        present = [name for columns in names.values() for name in columns]
        unknown = next((name for name in statement.names if f'"{name}"' in str(error).lower()), None)
        there = "; ".join(f"{view}: {', '.join(columns)}" for view, columns in names.items())
        message = str(error).splitlines()[0]
        if unknown is not None and unknown not in present:
            message = f"there is no column {unknown}{nearest(unknown, present)}"
        return UsageError(
            worded("the query cannot be answered: {message}", message=message),
            worded("There are: {there}.", there=there or ", ".join(sorted(NAMES))),
        )


def _frame(table: pa.Table) -> pl.DataFrame:
    """A table as a frame; decimals as whole numbers or floats: DuckDB gives a sum of whole numbers as one of 38 digits.

    Raises:
        UsageError: it holds a kind of value that frames have not.
    """
    try:
        frame = pl.from_arrow(table)
    except pl.exceptions.PolarsError as error:
        raise UsageError(
            worded("the answer holds what no table holds ({error})", error=error), worded("Cast the column to VARCHAR.")
        ) from None
    assert isinstance(frame, pl.DataFrame)
    for name, kind in frame.schema.items():
        if isinstance(kind, pl.Decimal):
            small = frame[name].cast(pl.Int64, strict=False)
            whole = kind.scale == 0 and small.null_count() == frame[name].null_count()
            frame = frame.with_columns(small if whole else frame[name].cast(pl.Float64))
    return frame
