"""A ledger that goes on under other settings: in a copy, from which the one it was copied from can take its order of reading.

inherit(old, new, meta)      every reply, to be read again; jobs without a reply are dropped, their attempts stay counted
adopt(old, new)              the order in which `new` was read, in place of the one in `old`
"""

import contextlib
import sqlite3
from collections.abc import Collection, Mapping
from pathlib import Path

from builder.errors import InputFileError
from builder.language.messages import worded
from builder.requests.ledger_file import (
    IN_ORDER,
    add_missing_tables,
    open_ledger,
    reading,
    seal_ledger,
    sqlite_errors,
)
from builder.requests.spending import IN_A_BATCH
from builder.store.files import atomic_path
from builder.store.journal import note, while_written

# How many jobs were inherited: they say nothing about whether the growth is saturated under the settings of now.
INHERITED = "inherited_jobs"


def inherit(
    source: Path, target: Path, meta: Mapping[str, str], *, without_requests: Collection[str], moved: bool
) -> None:
    """Copy a ledger, whole or not at all, so that all its jobs are read again, in the order in which they were read.

    Args:
        source: also one that another process writes.
        target: where there is none yet.
        meta: what is stored in the copy under these keys, such as the settings it is read with.
        without_requests: recipes that ask nothing, hence lack no reply.
        moved: the copy goes its own way: what is still to be had for the source (in a batch) is lost to it, and counts as
            an unknown reply.

    Raises:
        InputFileError: there is no source.
        IntegrityError: the source is not a ledger.
    """
    if not source.exists():
        raise InputFileError(
            source, worded("no such ledger"), remedy=worded("Only a folder that `seedbed build` grew has one.")
        )
    with atomic_path(target) as copy, contextlib.closing(sqlite3.connect(copy, isolation_level=None)) as connection:
        with reading(source) as original:
            original.backup(connection)
        with sqlite_errors(copy):
            connection.execute("PRAGMA journal_mode = MEMORY")  # no file beside a copy that is not in place yet
            add_missing_tables(connection)
            connection.execute("BEGIN")
            lost = "1" if moved else f"NOT {IN_A_BATCH}"
            connection.execute(f"UPDATE attempts AS a SET state = 'unknown' WHERE state = 'sent' AND {lost}")
            _start_anew(connection, without_requests)
            (jobs,) = connection.execute("SELECT count(*) FROM jobs").fetchone()
            rows = {**meta, INHERITED: str(jobs)}
            connection.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", rows.items())
            connection.execute("COMMIT")


def _start_anew(connection: sqlite3.Connection, without_requests: Collection[str]) -> None:
    """Nothing is read any more, but keeps its turn; jobs that have no reply, and none to come, are dropped."""
    order = connection.execute(f"SELECT number FROM jobs ORDER BY {IN_ORDER}").fetchall()
    connection.executemany(
        "UPDATE jobs SET turn = ?, read_order = NULL WHERE number = ?",
        [(turn, number) for turn, (number,) in enumerate(order)],
    )
    marks = ", ".join("?" * len(without_requests))
    connection.execute(
        "UPDATE jobs SET dropped = 1 WHERE number NOT IN (SELECT r.job FROM requests r "
        "JOIN attempts a ON a.request = r.id WHERE a.state IN ('received', 'sent') OR a.refused) "
        f"AND recipe NOT IN ({marks})",
        tuple(without_requests),
    )


def adopt(ledger: Path, read_again: Path) -> None:
    """Take over from a copy what it was read with and in which order, in one transaction; doing it twice changes nothing."""
    with sqlite_errors(ledger), contextlib.closing(open_ledger(ledger)) as connection:
        note(ledger, while_written(seal_ledger(connection)))
        connection.execute("ATTACH ? AS copy", (str(read_again),))
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(
            "UPDATE jobs SET (read_order, turn, dropped) = "
            "(SELECT c.read_order, c.turn, c.dropped FROM copy.jobs c WHERE c.number = jobs.number)"
        )
        connection.execute("INSERT OR REPLACE INTO meta SELECT key, value FROM copy.meta")
        described = seal_ledger(connection)
        connection.execute("COMMIT")
        note(ledger, described)
