"""The ledger's file: its tables, how it is opened, and whether it is whole."""

import contextlib
import hashlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from builder.errors import DiskError, IntegrityError
from builder.language.messages import worded
from builder.store.journal import Described

_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS jobs (
    number INTEGER PRIMARY KEY,
    recipe TEXT NOT NULL,
    context TEXT NOT NULL,
    read_order INTEGER,
    turn INTEGER,
    dropped INTEGER,
    seal TEXT
) STRICT;
CREATE TABLE IF NOT EXISTS requests (
    id INTEGER PRIMARY KEY,
    job INTEGER NOT NULL REFERENCES jobs (number),
    step INTEGER NOT NULL,
    body TEXT NOT NULL,
    body_sha256 TEXT NOT NULL,
    prompt_ceiling INTEGER NOT NULL,
    completion_ceiling INTEGER NOT NULL,
    seal TEXT,
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
    seal TEXT,
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
    *(
        ("attempts", "seconds", "REAL"),
        ("attempts", "refused", "INTEGER"),
        ("jobs", "turn", "INTEGER"),
        ("jobs", "dropped", "INTEGER"),
    ),
    *((table, "seal", "TEXT") for table in ("jobs", "requests", "attempts")),
)

# What is known of an attempt once it has ended, beside the reply, of which its SHA-256 and its size in bytes are sealed.
SEALED_ANSWER = (
    *("state", "status", "usable", "reply_length", "reply_sha256", "prompt_tokens", "completion_tokens"),
    *("served_by", "seconds"),
)
_ENDED = f"seal(id, request, {', '.join(SEALED_ANSWER)}, length(CAST(reply AS BLOB)))"
# On its way, or lost with the process that waited for it; one that came to nothing known may have an answer of a kind.
_UNANSWERED = "state IN ('sent', 'unknown') AND reply_sha256 IS NULL"
# The checksums of rows, over the columns that are written once, by table; with the column that numbers them.
_SEALS = {
    "jobs": ("number", "seal(number, recipe, context)"),
    "requests": ("id", "seal(job, step, body_sha256, prompt_ceiling, completion_ceiling)"),
    "attempts": ("id", f"CASE WHEN {_UNANSWERED} THEN seal(id, request) ELSE {_ENDED} END"),
}
# Under which `meta` keeps the SHA-256 over all rows.
_CONTENT = "content"
# Every row and column of a ledger; of texts that have a checksum in their row, that.
_ALL_ROWS = (
    f"SELECT key, value FROM meta WHERE key <> '{_CONTENT}' ORDER BY key",
    "SELECT number, recipe, CASE WHEN seal IS NULL THEN context END, read_order, turn, dropped, seal FROM jobs ORDER BY number",
    "SELECT id, job, step, body_sha256, prompt_ceiling, completion_ceiling, seal FROM requests ORDER BY id",
    f"SELECT id, request, {', '.join(SEALED_ANSWER)}, seal, refused FROM attempts ORDER BY id",
    "SELECT first_attempt, last_attempt, name, id, since FROM batches ORDER BY first_attempt",
)
# Under which `meta` keeps where rows begin that have a seal: those before were written by an older version.
_SEALED_FROM = "sealed_from_{}"
# Where attempts begin: those before were forgotten, since none of them was answered.
FIRST_ATTEMPT = "first_attempt"

# Jobs that were read come first; then those that were inherited, in their turn; then the others by number.
IN_ORDER = "read_order IS NULL, read_order, turn IS NULL, turn, number"


def open_ledger(path: Path) -> sqlite3.Connection:
    """Open a ledger for writing (WAL, synchronous FULL): make it where there is none, add the columns an older one lacks.

    Raises:
        sqlite3.Error: see `sqlite_errors`.
    """
    connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
    with closed_on_error(connection):
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.create_function("seal", -1, _seal, deterministic=True)
        add_missing_tables(connection)
    return connection


@contextlib.contextmanager
def closed_on_error(connection: sqlite3.Connection) -> Iterator[None]:
    """Close a connection where the block fails: from Python 3.13 on one that is forgotten warns."""
    try:
        yield
    except BaseException:
        connection.close()
        raise


def add_missing_tables(connection: sqlite3.Connection) -> None:
    """Bring an empty ledger, or one of an older shape, up to this one."""
    connection.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} COMMIT;")
    for table, column, kind in _ADDED:
        if not has_column(connection, table, column):
            connection.execute(f"ALTER TABLE {table} ADD COLUMN {column} {kind}")
            if column == "seal":
                connection.execute(
                    f"INSERT OR REPLACE INTO meta SELECT ?, coalesce(max({_SEALS[table][0]}), -1) + 1 FROM {table}",
                    (_SEALED_FROM.format(table),),
                )


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


def seal_ledger(connection: sqlite3.Connection) -> Described:
    """Keep a SHA-256 over all rows in `meta`, and return what a folder is to know of a ledger that nobody writes any more.

    What a row's own checksum cannot cover is in the first: what changes after the row was written (in which order replies are
    read, which ones were refused, what is in `meta`), and that no row is gone. What the folder knows is equal for equal requests,
    and tells the ledger from another dataset's, and from an older one with fewer requests; times are not in it.
    """
    connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (_CONTENT, _content(connection)))
    return _described(connection)


def _described(connection: sqlite3.Connection) -> Described:
    (last,) = connection.execute("SELECT max(id) FROM attempts").fetchone()
    first = max(1, _read_number(connection, FIRST_ATTEMPT))
    asked = _digest(connection, "SELECT job, step, body_sha256 FROM requests ORDER BY job, step")
    return {"last_attempt": first - 1 if last is None else last, "requests": asked}


def _content(connection: sqlite3.Connection) -> str:
    return _digest(connection, *_ALL_ROWS)


def _digest(connection: sqlite3.Connection, *queries: str) -> str:
    digest = hashlib.sha256()
    for query in queries:
        for row in connection.execute(query):
            digest.update(ascii(row).encode())
    return digest.hexdigest()


def check_ledger(path: Path, described: Described) -> list[str]:
    """Check a ledger by its own means: SQLite's integrity check, and what `check_rows` looks at.

    Args:
        described: what is known of it (see `seal_ledger`); nothing is where it is empty.

    Returns:
        What is wrong, one line each; empty where all is well.
    """
    if not path.is_file():
        return ["missing"]
    try:
        with contextlib.closing(_open_read_only(path)) as connection:
            problems = [
                worded("SQLite: {line}", line=line)
                for (line,) in connection.execute("PRAGMA integrity_check")
                if line != "ok"
            ]
            return problems + _check_rows(connection, described)
    except (sqlite3.Error, UnicodeDecodeError) as error:
        return [worded("cannot be read ({error})", error=error)]


def check_rows(path: Path, described: Described) -> list[str]:
    """Check that every job, request and attempt of a ledger is there, and every byte of them as it was written.

    Raises:
        IntegrityError: the file is not a ledger.
    """
    with reading(path) as connection:
        return _check_rows(connection, described)


def count_unsealed(path: Path) -> int:
    """How many attempts an older version wrote: of them the reply is checked and nothing else."""
    with reading(path) as connection:
        if not has_column(connection, "attempts", "seal"):
            return int(connection.execute("SELECT count(*) FROM attempts").fetchone()[0])
        query = "SELECT count(*) FROM attempts WHERE id < ?"
        return int(
            connection.execute(query, (_read_number(connection, _SEALED_FROM.format("attempts")),)).fetchone()[0]
        )


def _check_rows(connection: sqlite3.Connection, described: Described) -> list[str]:
    last_attempt = described.get("last_attempt", 0)
    connection.create_function("seal", -1, _seal, deterministic=True)
    if not has_column(connection, "attempts", "state"):
        return (
            [worded("attempts up to {last_attempt} are missing", last_attempt=last_attempt)] if last_attempt else []
        )  # a build that just started
    problems = [*_missing_rows(connection, last_attempt), *_damaged_rows(connection), *_damaged_texts(connection)]
    # Where its writer was killed only the rows themselves can be checked.
    if not problems and "requests" in described:
        kept = connection.execute("SELECT value FROM meta WHERE key = ?", (_CONTENT,)).fetchone()
        try:
            content: str | None = _content(connection)
        except sqlite3.OperationalError:  # a table or a column is gone
            content = None
        if content is None or kept != (content,):
            problems.append(worded("it is not what was written (the checksum over its rows differs)"))
        elif _described(connection) != described:
            problems.append(worded("it is not the ledger of this folder (its requests are others)"))
    return problems


def _missing_rows(connection: sqlite3.Connection, last_attempt: int) -> Iterator[str]:
    first = max(1, _read_number(connection, FIRST_ATTEMPT))
    count, least, last = connection.execute("SELECT count(*), min(id), max(id) FROM attempts").fetchone()
    last = first - 1 if last is None else last
    if count != last - first + 1 or (count and least != first):
        yield worded(
            "{number} of the attempts {first} to {last} are missing",
            number=last - first + 1 - count,
            first=first,
            last=last,
        )
    if last < last_attempt:
        yield worded("attempts {last} to {last_attempt} are missing", last=last + 1, last_attempt=last_attempt)
    for table, number, *_ in connection.execute("PRAGMA foreign_key_check"):
        yield worded("{table}, row {number}: what it belongs to is missing", table=table, number=number)
    for (request,) in connection.execute(
        "SELECT r.id FROM requests r WHERE NOT EXISTS (SELECT 1 FROM attempts a WHERE a.request = r.id)"
    ):
        yield worded("requests, row {request}: its attempts are missing", request=request)


def _damaged_rows(connection: sqlite3.Connection) -> Iterator[str]:
    for table, (key, seal) in _SEALS.items():
        if has_column(connection, table, "seal"):
            first = _read_number(connection, _SEALED_FROM.format(table))
            query = f"SELECT {key} FROM {table} WHERE {key} >= ? AND seal IS NOT {seal} ORDER BY {key}"
            for (number,) in connection.execute(query, (first,)):
                yield worded(
                    "{table}, row {number}: it is not what was written (its checksum differs)",
                    table=table,
                    number=number,
                )


def _damaged_texts(connection: sqlite3.Connection) -> Iterator[str]:
    for job, step, body, digest in connection.execute("SELECT job, step, body, body_sha256 FROM requests"):
        if hash_text(body) != digest:
            yield f"request r{job:06d}.{step}: its body is not what was sent (SHA-256 differs)"
    # Of a reply that was too long only the beginning is kept, which is never used; the hash is that of the whole.
    for attempt, job, step, reply, digest in connection.execute(
        "SELECT a.id, r.job, r.step, a.reply, a.reply_sha256 FROM attempts a JOIN requests r ON r.id = a.request "
        "WHERE a.reply_sha256 IS NOT NULL AND NOT (a.usable = 0 AND length(a.reply) < a.reply_length)"
    ):
        if reply is None or hash_text(reply) != digest:
            yield f"attempt {attempt} of request r{job:06d}.{step}: its reply is not what was received (SHA-256 differs)"


def _read_number(connection: sqlite3.Connection, key: str) -> int:
    """A number in `meta`; 0 where there is none."""
    row = connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
    return 0 if row is None else int(row[0])


def _seal(*values: object) -> str:
    """The checksum of a row's values, as 16 hexadecimal digits; `ascii` is the same in every version of Python."""
    return hashlib.sha256(ascii(values).encode()).hexdigest()[:16]


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
                worded("Every reply committed before this is safe. Free some space and run the same command again."),
            ) from error
        if code.startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT")):
            raise IntegrityError(
                worded("{path}: not a readable ledger ({error})", path=path, error=error),
                worded("Restore it from a copy."),
            ) from error
        raise


def hash_text(text: str) -> str:
    """The SHA-256 that the ledger keeps of a body or a reply, as 64 hexadecimal digits."""
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
