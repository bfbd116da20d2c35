"""The ledger's file: its tables, how it is opened, and whether it is whole."""

import contextlib
import hashlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from builder.errors import DiskError, IntegrityError

_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS jobs (
    number INTEGER PRIMARY KEY,
    recipe TEXT NOT NULL,
    context TEXT NOT NULL,
    read_order INTEGER,
    turn INTEGER,
    dropped INTEGER
) STRICT;
CREATE TABLE IF NOT EXISTS requests (
    id INTEGER PRIMARY KEY,
    job INTEGER NOT NULL REFERENCES jobs (number),
    step INTEGER NOT NULL,
    body TEXT NOT NULL,
    body_sha256 TEXT NOT NULL,
    prompt_ceiling INTEGER NOT NULL,
    completion_ceiling INTEGER NOT NULL,
    UNIQUE (job, step)
) STRICT;
CREATE TABLE IF NOT EXISTS attempts (
    id INTEGER PRIMARY KEY,
    request INTEGER NOT NULL REFERENCES requests (id),
    state TEXT NOT NULL CHECK (state IN ('sent', 'received', 'failed', 'unknown')),
    status INTEGER,
    usable INTEGER,
    reply TEXT,
    reply_length INTEGER,
    reply_sha256 TEXT,
    prompt_tokens INTEGER,
    completion_tokens INTEGER,
    served_by TEXT,
    seconds REAL,
    refused INTEGER
) STRICT;
CREATE INDEX IF NOT EXISTS attempts_by_request ON attempts (request);
CREATE TABLE IF NOT EXISTS batches (
    first_attempt INTEGER PRIMARY KEY,
    last_attempt INTEGER NOT NULL,
    name TEXT NOT NULL,
    id TEXT,
    since REAL NOT NULL
) STRICT;
"""

# Columns that came after the first ledgers were written: (table, column, type).
_ADDED = (
    ("attempts", "seconds", "REAL"),
    ("attempts", "refused", "INTEGER"),
    ("jobs", "turn", "INTEGER"),
    ("jobs", "dropped", "INTEGER"),
)

# Jobs that were read come first; then those that were inherited, in their turn; then the others by number.
IN_ORDER = "read_order IS NULL, read_order, turn IS NULL, turn, number"


def open_ledger(path: Path) -> sqlite3.Connection:
    """Open a ledger for writing (WAL, synchronous FULL): make it where there is none, add the columns an older one lacks.

    Raises:
        sqlite3.Error: see `sqlite_errors`.
    """
    connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    add_missing_tables(connection)
    return connection


def add_missing_tables(connection: sqlite3.Connection) -> None:
    """Bring an empty ledger, or one of an older shape, up to this one."""
    connection.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} COMMIT;")
    for table, column, kind in _ADDED:
        if not has_column(connection, table, column):
            connection.execute(f"ALTER TABLE {table} ADD COLUMN {column} {kind}")


def is_begun(path: Path) -> bool:
    """Whether a ledger is there with its tables: a build that just started may have made the file alone.

    Raises:
        IntegrityError: the file is not a ledger.
    """
    if not path.exists():
        return False
    with reading(path) as connection:
        return has_column(connection, "attempts", "state")


@contextlib.contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a ledger without changing it, also while another process writes it; one of an older shape stays as it is.

    Raises:
        IntegrityError: the file is not a ledger.
    """
    with sqlite_errors(path), contextlib.closing(_open_read_only(path)) as connection:
        yield connection


def has_column(connection: sqlite3.Connection, table: str, column: str) -> bool:
    """Whether a table has a column: a ledger that nobody wrote since may lack the newer ones."""
    return any(name == column for _, name, *_ in connection.execute(f"PRAGMA table_info({table})"))


def _open_read_only(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)


def check_ledger(path: Path) -> list[str]:
    """Check a ledger by its own means: SQLite's integrity check and the hash of every request and reply.

    Returns:
        What is wrong, one line each; empty where all is well.
    """
    try:
        with contextlib.closing(_open_read_only(path)) as connection:
            problems = [f"SQLite: {line}" for (line,) in connection.execute("PRAGMA integrity_check") if line != "ok"]
            problems += [
                f"request r{job:06d}.{step}: its body is not what was sent (SHA-256 differs)"
                for job, step, body, digest in connection.execute("SELECT job, step, body, body_sha256 FROM requests")
                if hash_text(body) != digest
            ]
            problems += [
                f"attempt {attempt} of request r{job:06d}.{step}: its reply is not what was received (SHA-256 differs)"
                for attempt, job, step, reply, length, digest in connection.execute(
                    "SELECT a.id, r.job, r.step, a.reply, a.reply_length, a.reply_sha256 "
                    "FROM attempts a JOIN requests r ON r.id = a.request WHERE a.reply IS NOT NULL"
                )
                if len(reply) == length and hash_text(reply) != digest
            ]
    except (sqlite3.Error, UnicodeDecodeError) as error:
        return [f"cannot be read ({error})"]
    return problems


@contextlib.contextmanager
def sqlite_errors(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into DiskError and IntegrityError, where they are those."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        code = getattr(error, "sqlite_errorname", "")
        if code.startswith(("SQLITE_FULL", "SQLITE_IOERR", "SQLITE_READONLY", "SQLITE_CANTOPEN")):
            raise DiskError(
                f"{path}: {error}",
                "Every reply committed before this is safe. Free some space and run the same command again.",
            ) from error
        if code.startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT")):
            raise IntegrityError(f"{path}: not a readable ledger ({error})", "Restore it from a copy.") from error
        raise


def hash_text(text: str) -> str:
    """The SHA-256 that the ledger keeps of a body or a reply, as 64 hexadecimal digits."""
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
