"""The ledger: every request, every attempt at it and every reply, committed before anything reads it.

A job has one row in `jobs` and one in `requests` for each of its steps; a request goes reserved → sent → received → read
and has one row in `attempts` for each POST. A writer thread gathers what is waiting into one transaction (group commit:
WAL, synchronous FULL), so that durability costs a fraction of a millisecond a request.
"""

import asyncio
import contextlib
import hashlib
import json
import queue
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

from builder.errors import DiskError, IntegrityError
from builder.files import disk_errors

# A reply is kept whole up to this many characters; of a longer one its beginning, its length and its hash.
LONGEST_REPLY = 4 * 1024 * 1024

_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS jobs (
    number INTEGER PRIMARY KEY,
    recipe TEXT NOT NULL,
    context TEXT NOT NULL,
    read_order INTEGER
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
    served_by TEXT
) STRICT;
CREATE INDEX IF NOT EXISTS attempts_by_request ON attempts (request);
"""

AttemptState = Literal["sent", "received", "failed", "unknown"]


@dataclass(frozen=True, slots=True)
class Request:
    """One chat request as it is sent.

    Attributes:
        job: the job's number.
        step: from 0; a recipe of several steps makes one request for each.
        body: the chat-completions body.
        prompt_ceiling: tokens that the prompt cannot exceed.
        completion_ceiling: tokens that the reply cannot exceed.
    """

    job: int
    step: int
    body: Mapping[str, Any]
    prompt_ceiling: int
    completion_ceiling: int

    @property
    def id(self) -> str:
        """Such as `r000012.1`; it names the request in samples and rejections."""
        return f"r{self.job:06d}.{self.step}"

    @property
    def reserved_tokens(self) -> int:
        """The most this request can cost, prompt and reply together."""
        return self.prompt_ceiling + self.completion_ceiling


@dataclass(frozen=True, slots=True)
class Received:
    """A reply as the ledger holds it: the raw body and whether it is a chat completion at all."""

    reply: str
    usable: bool
    prompt_tokens: int
    completion_tokens: int


@dataclass(slots=True)
class Step:
    """A request, how often it was sent, and its reply if one is there."""

    request: Request
    attempts: int = 0
    received: Received | None = None


@dataclass(slots=True)
class Entry:
    """A job as the ledger holds it, and the order in which it was read, if it was."""

    number: int
    recipe: str
    context: Mapping[str, Any]
    read_order: int | None = None
    steps: list[Step] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Spending:
    """What the ledger counts. `tokens` holds unknown replies at their reserved ceiling."""

    requests: int
    attempts: int
    received: int
    failed: int
    unknown: int
    prompt_tokens: int
    completion_tokens: int
    tokens: int


class Ledger:
    """One dataset folder's ledger. Open it under the folder's lock; close it to flush.

    Args:
        path: the SQLite file; made where there is none.

    Raises:
        IntegrityError: the file is not a ledger.
        DiskError: the disk is full or failing.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with disk_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        with _sqlite_errors(path):
            self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = FULL")
            self._connection.executescript(_SCHEMA)
            # Sent, and the process died before the reply was committed: nobody knows whether it was served.
            self._connection.execute("UPDATE attempts SET state = 'unknown' WHERE state = 'sent'")
            self._next_attempt: int
            (self._next_attempt,) = self._connection.execute("SELECT coalesce(max(id), 0) + 1 FROM attempts").fetchone()
        self._waiting: queue.SimpleQueue[_Write | None] = queue.SimpleQueue()
        self._writer = threading.Thread(target=self._write_batches, name="ledger", daemon=True)
        self._writer.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Commit what is waiting and close the file."""
        self._waiting.put(None)
        self._writer.join()
        self._connection.close()

    def add_job(self, number: int, recipe: str, context: Mapping[str, Any]) -> None:
        """Record a job before its first request; committed with the next batch, so never after what follows it."""
        statement = ("INSERT OR IGNORE INTO jobs VALUES (?, ?, ?, NULL)", (number, recipe, _to_json(context)))
        self._waiting.put(_Write([statement], None, None))

    async def begin(self, request: Request) -> int:
        """Commit that an attempt is about to be sent, with the request itself where it is new.

        Returns:
            The attempt's id.
        """
        attempt = self._next_attempt
        self._next_attempt += 1
        body = _to_json(request.body)
        key = (request.job, request.step)
        row = (*key, body, _sha256(body), request.prompt_ceiling, request.completion_ceiling)
        await self._commit(
            [
                (
                    "INSERT OR IGNORE INTO requests (job, step, body, body_sha256, prompt_ceiling, completion_ceiling) "
                    "VALUES (?, ?, ?, ?, ?, ?)",
                    row,
                ),
                (
                    "INSERT INTO attempts (id, request, state) "
                    "SELECT ?, id, 'sent' FROM requests WHERE job = ? AND step = ?",
                    (attempt, *key),
                ),
            ]
        )
        return attempt

    async def finish(
        self,
        attempt: int,
        state: AttemptState,
        *,
        status: int | None,
        reply: str,
        usable: bool = False,
        prompt_tokens: int = 0,
        completion_tokens: int = 0,
        served_by: str | None = None,
        length: int | None = None,
        sha256: str | None = None,
    ) -> Received:
        """Commit how an attempt ended, with its raw reply.

        Args:
            served_by: the endpoint.
            length, sha256: of the whole reply, where `reply` is only its beginning; such a reply is never used.

        Returns:
            The reply as it will be read, now and on any resume.
        """
        kept = _storable(reply)
        whole = length is None and len(kept) == len(reply)
        received = Received(kept, usable and whole, prompt_tokens, completion_tokens)
        await self._commit(
            [
                (
                    "UPDATE attempts SET state = ?, status = ?, usable = ?, reply = ?, reply_length = ?, "
                    "reply_sha256 = ?, prompt_tokens = ?, completion_tokens = ?, served_by = ? WHERE id = ?",
                    (
                        state,
                        status,
                        int(received.usable),
                        kept,
                        len(reply) if length is None else length,
                        sha256 or _sha256(reply),
                        prompt_tokens,
                        completion_tokens,
                        served_by,
                        attempt,
                    ),
                )
            ]
        )
        return received

    def mark_read(self, job: int, order: int) -> None:
        """Record in which order a job was read; committed with the next batch, without waiting for it."""
        statement = ("UPDATE jobs SET read_order = ? WHERE number = ? AND read_order IS NULL", (order, job))
        self._waiting.put(_Write([statement], None, None))

    def entries(self) -> list[Entry]:
        """All jobs in order, each with its steps; a step has its usable reply, or its last one where none is usable."""
        with _sqlite_errors(self.path):
            jobs = self._connection.execute("SELECT number, recipe, context, read_order FROM jobs").fetchall()
            rows = self._connection.execute(
                "SELECT r.job, r.step, r.body, r.prompt_ceiling, r.completion_ceiling, "
                "(SELECT count(*) FROM attempts WHERE request = r.id), "
                "a.reply, a.usable, a.prompt_tokens, a.completion_tokens "
                "FROM requests r LEFT JOIN attempts a ON a.id = ("
                "  SELECT id FROM attempts WHERE request = r.id AND state = 'received' "
                "  ORDER BY usable DESC, id LIMIT 1) ORDER BY r.job, r.step"
            ).fetchall()
        entries = {
            number: Entry(number, recipe, json.loads(context), order) for number, recipe, context, order in sorted(jobs)
        }
        for job, step, body, prompt, completion, attempts, reply, usable, used_prompt, used_completion in rows:
            received = None if reply is None else Received(reply, bool(usable), used_prompt, used_completion)
            request = Request(job, step, json.loads(body), prompt, completion)
            entries[job].steps.append(Step(request, attempts, received))
        return list(entries.values())

    def spending(self) -> Spending:
        """Requests, attempts by state, and tokens."""
        with _sqlite_errors(self.path):
            return _count_spending(self._connection)

    def forget_unanswered(self) -> bool:
        """Forget all requests where none was answered and none may have been; returns whether that is so."""
        spending = self.spending()
        if spending.received or spending.unknown:
            return False
        with _sqlite_errors(self.path):
            self._connection.execute("DELETE FROM attempts")
            self._connection.execute("DELETE FROM requests")
            self._connection.execute("DELETE FROM jobs")
        return True

    def read_meta(self, key: str) -> str | None:
        """A value stored with `write_meta`, or None."""
        with _sqlite_errors(self.path):
            row = self._connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return None if row is None else str(row[0])

    def write_meta(self, key: str, value: str) -> None:
        """Store a value, such as the settings the requests were built with."""
        with _sqlite_errors(self.path):
            self._connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    async def _commit(self, statements: "list[_Statement]") -> None:
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        self._waiting.put(_Write(statements, loop, done))
        await done

    def _write_batches(self) -> None:
        closing = False
        while not closing:
            batch: list[_Write] = []
            item = self._waiting.get()
            while True:
                if item is None:
                    closing = True
                    break
                batch.append(item)
                try:
                    item = self._waiting.get_nowait()
                except queue.Empty:
                    break
            error = self._write(batch)
            for write in batch:
                write.resolve(error)

    def _write(self, batch: "list[_Write]") -> Exception | None:
        if not batch:
            return None
        try:
            with _sqlite_errors(self.path):
                self._connection.execute("BEGIN IMMEDIATE")
                for write in batch:
                    for sql, parameters in write.statements:
                        self._connection.execute(sql, parameters)
                self._connection.execute("COMMIT")
        except Exception as error:  # handed to every waiting caller, who raises it
            with contextlib.suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")
            return error
        return None


_Statement = tuple[str, tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class _Write:
    statements: list[_Statement]
    loop: asyncio.AbstractEventLoop | None
    done: asyncio.Future[None] | None

    def resolve(self, error: Exception | None) -> None:
        if self.loop is None or self.done is None:
            return
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self.loop.call_soon_threadsafe(_settle, self.done, error)


def _settle(done: asyncio.Future[None], error: Exception | None) -> None:
    if done.done():
        return
    if error is None:
        done.set_result(None)
    else:
        done.set_exception(error)


def read_spending(path: Path) -> Spending:
    """What a ledger counts, without changing it: also while another process writes it.

    Raises:
        IntegrityError: the file is not a ledger.
    """
    with _sqlite_errors(path), contextlib.closing(_open_read_only(path)) as connection:
        return _count_spending(connection)


def _open_read_only(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)


def _count_spending(connection: sqlite3.Connection) -> Spending:
    states: dict[str, int] = dict(connection.execute("SELECT state, count(*) FROM attempts GROUP BY state").fetchall())
    (requests,) = connection.execute("SELECT count(*) FROM requests").fetchone()
    prompt, completion = connection.execute(
        "SELECT coalesce(sum(prompt_tokens), 0), coalesce(sum(completion_tokens), 0) FROM attempts"
    ).fetchone()
    (unknown_tokens,) = connection.execute(
        "SELECT coalesce(sum(r.prompt_ceiling + r.completion_ceiling), 0) "
        "FROM attempts a JOIN requests r ON r.id = a.request "
        "WHERE a.state IN ('unknown', 'sent')"
    ).fetchone()
    return Spending(
        requests=requests,
        attempts=sum(states.values()),
        received=states.get("received", 0),
        failed=states.get("failed", 0),
        unknown=states.get("unknown", 0) + states.get("sent", 0),
        prompt_tokens=prompt,
        completion_tokens=completion,
        tokens=prompt + completion + unknown_tokens,
    )


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
                if _sha256(body) != digest
            ]
            problems += [
                f"attempt {attempt} of request r{job:06d}.{step}: its reply is not what was received (SHA-256 differs)"
                for attempt, job, step, reply, length, digest in connection.execute(
                    "SELECT a.id, r.job, r.step, a.reply, a.reply_length, a.reply_sha256 "
                    "FROM attempts a JOIN requests r ON r.id = a.request WHERE a.reply IS NOT NULL"
                )
                if len(reply) == length and _sha256(reply) != digest
            ]
    except (sqlite3.Error, UnicodeDecodeError) as error:
        return [f"cannot be read ({error})"]
    return problems


def _storable(reply: str) -> str:
    """SQLite text cannot hold lone surrogates; a raw body decoded from UTF-8 has none, a replaced one is marked."""
    return reply[:LONGEST_REPLY].encode("utf-8", "replace").decode("utf-8")


def _to_json(value: Mapping[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


@contextlib.contextmanager
def _sqlite_errors(path: Path) -> Iterator[None]:
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


@dataclass(frozen=True, slots=True)
class Usage:
    """What one request used at one endpoint, all its attempts there together.

    Attributes:
        job: the job's id, such as `r000012`; the steps of one job share it.
        model: that answered; as the request's body names it where no answer came.
        prompt_bytes: UTF-8 bytes of the messages of one attempt.
        usable: how many of the attempts gave a usable reply.
        unknown: how many gave no answer, or none yet; their tokens are the ceilings that were reserved.
        read_order: when its job was read, or None.
    """

    job: str
    step: int
    recipe: str
    model: str
    prompt_bytes: int
    attempts: int
    usable: int
    unknown: int
    prompt_tokens: int
    completion_tokens: int
    unknown_prompt_tokens: int
    unknown_completion_tokens: int
    read_order: int | None

    @property
    def tokens(self) -> int:
        """Prompt and reply together, lost replies at their ceiling."""
        known = self.prompt_tokens + self.completion_tokens
        return known + self.unknown_prompt_tokens + self.unknown_completion_tokens


def read_usage(path: Path) -> list[Usage]:
    """What each request of a ledger used, in the order of jobs and steps; adds up to `read_spending`.

    Raises:
        IntegrityError: the file is not a ledger.
    """
    with _sqlite_errors(path), contextlib.closing(_open_read_only(path)) as connection:
        rows = connection.execute(
            "SELECT r.job, r.step, j.recipe, j.read_order, r.body, a.served_by, count(a.id), "
            "coalesce(sum(a.state = 'received' AND a.usable), 0), coalesce(sum(a.state IN ('unknown', 'sent')), 0), "
            "r.prompt_ceiling, r.completion_ceiling, "
            "coalesce(sum(a.prompt_tokens), 0), coalesce(sum(a.completion_tokens), 0) "
            "FROM requests r JOIN jobs j ON j.number = r.job LEFT JOIN attempts a ON a.request = r.id "
            "GROUP BY r.id, a.served_by ORDER BY r.job, r.step, a.served_by"
        ).fetchall()
    return [_read_usage(*row) for row in rows]


def _read_usage(
    job: int,
    step: int,
    recipe: str,
    read_order: int | None,
    body: str,
    served_by: str | None,
    attempts: int,
    usable: int,
    unknown: int,
    prompt_ceiling: int,
    completion_ceiling: int,
    prompt_tokens: int,
    completion_tokens: int,
) -> Usage:
    sent = json.loads(body)
    _, _, model = (served_by or "").partition(" (")  # such as `http://127.0.0.1:8000/v1 (qwen)`
    return Usage(
        job=f"r{job:06d}",
        step=step,
        recipe=recipe,
        model=model.removesuffix(")") or str(sent["model"]),
        prompt_bytes=sum(len(str(message.get("content") or "").encode()) for message in sent["messages"]),
        attempts=attempts,
        usable=usable,
        unknown=unknown,
        prompt_tokens=prompt_tokens,
        completion_tokens=completion_tokens,
        unknown_prompt_tokens=unknown * prompt_ceiling,
        unknown_completion_tokens=unknown * completion_ceiling,
        read_order=read_order,
    )


def read_recipes(path: Path) -> dict[str, str]:
    """The recipe of each job by the job's id, such as `r000012`, read without changing the ledger."""
    with _sqlite_errors(path), contextlib.closing(_open_read_only(path)) as connection:
        return {f"r{number:06d}": recipe for number, recipe in connection.execute("SELECT number, recipe FROM jobs")}
