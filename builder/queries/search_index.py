"""The search index: one SQLite file for each part of the samples, made with it and never changed again.

    samples/part-00003.parquet     search/part-00003.sqlite

As parts are only ever added, so are indexes: `add` cuts the texts of its own rows and no others, cores share the parts, and a run that was
killed leaves what it finished. A file says which part it was made of; one that lacks or fits another part is as good as none, and the next
command that decides the folder makes it. Until then the part itself is looked through, by the same grams.
"""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pyarrow.compute as pc

from builder.errors import IntegrityError
from builder.language.messages import worded
from builder.pictures import shown
from builder.queries.grams import VERSION, grams
from builder.store.dataset_folder import DatasetFolder, parquet_errors
from builder.store.files import parquet_file

_SCHEMA = """
CREATE TABLE part (version INTEGER NOT NULL, sha256 TEXT NOT NULL) STRICT;
CREATE VIRTUAL TABLE texts USING fts5(grams, content='', columnsize=0, tokenize='ascii');
"""

_GRAMS_HELD = 128 * 2**20  # bytes


def index_path(folder: DatasetFolder, part: Path) -> Path:
    """Where the index of a part is."""
    return folder.search / f"{part.stem}.sqlite"


def missing_indexes(folder: DatasetFolder) -> list[Path]:
    """The parts of the samples that have no index, or none of ours that was made of them."""
    known = folder.known()
    parts = folder.parts(folder.samples)
    return [
        part
        for part in parts
        if folder.name_of(index_path(folder, part)) not in known
        or not _fits(index_path(folder, part), known.get(folder.name_of(part), {}).get("sha256"))
    ]


def _fits(path: Path, sha256: str | None) -> bool:
    """Whether an index was made of a part, in the way in which texts are cut now."""
    try:
        with contextlib.closing(_opened(path)) as connection:
            made_of = connection.execute("SELECT version, sha256 FROM part").fetchone()
    except sqlite3.Error:
        return False
    return sha256 is not None and made_of == (VERSION, sha256)


def _opened(path: Path) -> sqlite3.Connection:
    """For reading: it never changes, so no lock is taken and no file made beside it."""
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True, check_same_thread=False)


def write_index(part: Path, sha256: str, path: Path) -> None:
    """Write the index of a part to a temporary path.

    Args:
        sha256: of the part.

    Raises:
        IntegrityError: the part cannot be read.
    """
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        # Nobody reads it before it is whole; a journal of its own would only double the writing.
        connection.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -65536;")
        connection.executescript(_SCHEMA)
        # A part's grams fit into memory, so they are written once, in order: a quarter less on disk, and nothing to merge.
        connection.execute("INSERT INTO texts (texts, rank) VALUES ('hashsize', ?)", (_GRAMS_HELD,))
        connection.execute("BEGIN")
        connection.execute("INSERT INTO part VALUES (?, ?)", (VERSION, sha256))
        connection.executemany("INSERT INTO texts (rowid, grams) VALUES (?, ?)", _rows(part))
        connection.execute("COMMIT")


def _rows(part: Path) -> Iterator[tuple[int, str]]:
    """The number and the grams of each row of a part."""
    with parquet_errors(part), parquet_file(part) as file:
        for number in range(file.num_row_groups):
            table = file.read_row_group(number, ["row", "messages"], use_threads=False).combine_chunks()
            turns = table["messages"].combine_chunks()
            offsets, each = turns.offsets.to_pylist(), turns.flatten()
            texts = pc.struct_field(each, "content").to_pylist()
            if each.type.get_field_index("parts") >= 0:  # a part by an older version lacks it
                pictures = pc.struct_field(each, "parts").to_pylist()
                texts = [
                    text if held is None else shown(text, held, "en")
                    for text, held in zip(texts, pictures, strict=True)
                ]
            for place, row in enumerate(table["row"].to_pylist()):
                yield row, grams(texts[offsets[place] - offsets[0] : offsets[place + 1] - offsets[0]])


class SearchIndex:
    """The indexes of a folder's parts, opened for reading."""

    def __init__(self, folder: DatasetFolder) -> None:
        parts = folder.parts(folder.samples)
        without = set(missing_indexes(folder))
        indexed = [index_path(folder, part) for part in parts if part not in without]
        folder.check_where_finished(folder.samples, *indexed)
        self._sources: list[sqlite3.Connection | Path] = [
            part if part in without else _opened(index_path(folder, part)) for part in parts
        ]
        self._root = folder.root

    def rows(self, sought: str, *, goes_on: bool) -> list[int]:
        """The rows that hold grams side by side in one turn, rising.

        Args:
            sought: the grams, separated by blanks.
            goes_on: whether the last of them is only the beginning of one.

        Raises:
            IntegrityError: an index cannot be read.
        """
        found: list[int] = []
        for source in self._sources:
            if isinstance(source, Path):
                found += (row for row, text in _rows(source) if _holds(text, sought, goes_on))
                continue
            try:
                match = f'"{sought}"' + (" *" if goes_on else "")
                found += (row for (row,) in source.execute("SELECT rowid FROM texts WHERE texts MATCH ?", (match,)))
            except sqlite3.Error as error:
                raise IntegrityError(
                    worded("{root}: its search index cannot be read ({error})", root=self._root, error=error),
                    worded("`seedbed curate {root}` makes it anew.", root=self._root),
                ) from None
        return found

    def close(self) -> None:
        for source in self._sources:
            if isinstance(source, sqlite3.Connection):
                source.close()


def _holds(text: str, sought: str, goes_on: bool) -> bool:
    return f" {sought}{'' if goes_on else ' '}" in f" {text} "
