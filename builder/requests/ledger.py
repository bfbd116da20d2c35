"""The ledger: every request, every attempt at it and every reply, committed before anything reads it.

A job has one row in `jobs` and one in `requests` for each of its steps; a request goes reserved → sent → received → read
and has one row in `attempts` for each time it is sent. A batch has one row in `batches`, and its attempts follow one another.
A writer thread gathers what is waiting into one transaction (group commit: WAL, synchronous FULL), so that durability costs a
fraction of a millisecond a request.
"""

import asyncio
import contextlib
import json
import queue
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, Self

from builder.errors import DiskError
from builder.progress import Growing
from builder.requests.ledger_file import (
    FIRST_ATTEMPT,
    IN_ORDER,
    SEALED_ANSWER,
    closed_on_error,
    has_column,
    hash_text,
    open_ledger,
    reading,
    seal_ledger,
    sqlite_errors,
)
from builder.requests.spending import IN_A_BATCH, Spending, count_spending
from builder.store.files import disk_errors
from builder.store.journal import note

# A reply is kept whole up to this many characters; of a longer one its beginning, its length and its hash.
LONGEST_REPLY = 4 * 1024 * 1024

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
    """A reply as the ledger holds it: the raw body, whether it is a chat completion at all, and the tokens it states.

    Attributes:
        refused: it is the endpoint's refusal of just this request, which is not sent again.
    """

    reply: str
    usable: bool
    prompt_tokens: int
    completion_tokens: int
    refused: bool = False


@dataclass(slots=True)
class Step:
    """A request, how often it was sent, and its reply if one is there."""

    request: Request
    attempts: int = 0
    received: Received | None = None


@dataclass(slots=True)
class Entry:
    """A job as the ledger holds it.

    Attributes:
        read_order: in which it was read, if it was.
        turn: its place among the jobs that were inherited, or None; see `builder.requests.inheriting`.
        dropped: inherited without a reply: it is not asked again, and counts as read with nothing in it.
    """

    number: int
    recipe: str
    context: Mapping[str, Any]
    read_order: int | None = None
    turn: int | None = None
    dropped: bool = False
    steps: list[Step] = field(default_factory=list)

    @property
    def answered(self) -> bool:
        """Whether its first request has a reply."""
        return bool(self.steps) and self.steps[0].received is not None


@dataclass(frozen=True, slots=True)
class SentBatch:
    """A batch whose answers were not all committed yet.

    Attributes:
        name: finds it at the endpoint.
        id: the endpoint's; None until it is known.
        since: when it was begun, in seconds since the epoch.
        waiting: the requests without an answer, by their attempts.
    """

    name: str
    id: str | None
    since: float
    waiting: Mapping[int, Request]


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
        self._lock = threading.Lock()
        with disk_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        with sqlite_errors(path):
            self._connection = open_ledger(path)
            with closed_on_error(self._connection):
                # Sent, and the process died before the reply was committed: nobody knows whether it was served. What was
                # sent in a batch is still to be had.
                self._connection.execute(
                    f"UPDATE attempts AS a SET state = 'unknown' WHERE state = 'sent' AND NOT {IN_A_BATCH}"
                )
                (last,) = self._connection.execute("SELECT max(id) FROM attempts").fetchone()
        self._first_attempt = int(self.read_meta(FIRST_ATTEMPT) or 1)
        self._next_attempt: int = self._first_attempt if last is None else last + 1
        note(path, {"last_attempt": self._next_attempt - 1})
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
        with sqlite_errors(self.path):
            described = seal_ledger(self._connection)
        self._connection.close()
        note(self.path, described)

    def add_job(self, number: int, recipe: str, context: Mapping[str, Any]) -> None:
        """Record a job before its first request; committed with the next batch, so never after what follows it."""
        statement = (
            "INSERT OR IGNORE INTO jobs (number, recipe, context, seal) VALUES (?, ?, ?, seal(?, ?, ?))",
            (number, recipe, _to_json(context)) * 2,
        )
        self._waiting.put(_Write([statement], None, None))

    async def begin(self, request: Request) -> int:
        """Commit that an attempt is about to be sent, with the request itself where it is new.

        Returns:
            The attempt's id.
        """
        attempt = self._next_attempt
        self._next_attempt += 1
        await self._commit(_sending(attempt, request))
        return attempt

    async def begin_batch(self, requests: Sequence[Request], run: str, since: float) -> SentBatch:
        """Commit, all at once, that these requests are about to be sent as one batch.

        Args:
            run: goes into its name; no other dataset has the same.
            since: seconds since the epoch.
        """
        first = self._next_attempt
        self._next_attempt += len(requests)
        waiting = dict(enumerate(requests, start=first))
        statements = [statement for attempt, request in waiting.items() for statement in _sending(attempt, request)]
        # A copy of the folder has the same run and numbers: its batch is this one only where it asks for the same.
        digest = hash_text("".join(_to_json(request.body) for request in requests))[:16]
        batch = SentBatch(f"{run}/{first}/{digest}", None, since, waiting)
        row = (first, self._next_attempt - 1, batch.name, since)
        statements.append(("INSERT INTO batches (first_attempt, last_attempt, name, since) VALUES (?, ?, ?, ?)", row))
        await self._commit(statements)
        return batch

    async def name_batch(self, batch: SentBatch, id: str) -> SentBatch:
        """Commit the id that the endpoint gave a batch."""
        await self._commit([("UPDATE batches SET id = ? WHERE name = ?", (id, batch.name))])
        return replace(batch, id=id)

    def open_batches(self) -> list[SentBatch]:
        """The batches with requests that have no answer yet, oldest first."""
        with self._alone() as connection:
            rows = connection.execute(
                "SELECT b.name, b.id, b.since, a.id, r.job, r.step, r.body, r.prompt_ceiling, r.completion_ceiling "
                "FROM batches b JOIN attempts a ON a.id BETWEEN b.first_attempt AND b.last_attempt AND a.state = 'sent' "
                "JOIN requests r ON r.id = a.request ORDER BY a.id"
            ).fetchall()
        waiting: dict[tuple[str, str | None, float], dict[int, Request]] = {}
        for name, id, since, attempt, job, step, body, prompt, completion in rows:
            requests = waiting.setdefault((name, id, since), {})
            requests[attempt] = Request(job, step, json.loads(body), prompt, completion)
        return [SentBatch(*batch, requests) for batch, requests in waiting.items()]

    async def finish(
        self,
        attempt: int,
        state: AttemptState,
        *,
        status: int | None,
        reply: str,
        usable: bool = False,
        usage: tuple[int, int] | None = None,
        served_by: str | None = None,
        length: int | None = None,
        sha256: str | None = None,
        seconds: float | None = None,
    ) -> Received:
        """Commit how an attempt ended, with its raw reply.

        Args:
            usage: tokens of the prompt and of the reply, as it states them; a received reply without counts at its ceiling.
            served_by: the endpoint.
            length, sha256: of the whole reply, where `reply` is only its beginning; such a reply is never used.
            seconds: from sending to the whole reply; None where none came.

        Returns:
            The reply as it will be read, now and on any resume.
        """
        kept = _storable(reply)
        whole = length is None and len(kept) == len(reply)
        received = Received(kept, usable and whole, *(usage or (0, 0)))
        length, sha256 = len(reply) if length is None else length, sha256 or hash_text(reply)
        seconds = None if seconds is None else float(seconds)
        sealed = (state, status, int(received.usable), length, sha256, *(usage or (None, None)), served_by, seconds)
        size = len(kept.encode())
        await self._commit([(_FINISH, (*sealed, kept, *sealed, size, attempt))])
        return received

    async def refuse(self, request: Request, reply: str) -> Received:
        """Commit that the last answer to a request, a refusal, is the request's own: it is not sent again.

        Returns:
            The refusal in place of a reply.
        """
        last = (
            "SELECT max(a.id) FROM attempts a JOIN requests r ON r.id = a.request "
            "WHERE r.job = ? AND r.step = ? AND a.state = 'failed' AND a.status BETWEEN 400 AND 499"
        )
        await self._commit([(f"UPDATE attempts SET refused = 1 WHERE id = ({last})", (request.job, request.step))])
        return Received(_storable(reply), usable=False, prompt_tokens=0, completion_tokens=0, refused=True)

    def mark_read(self, job: int, order: int) -> None:
        """Record in which order a job was read; committed with the next batch, without waiting for it."""
        statement = ("UPDATE jobs SET read_order = ? WHERE number = ? AND read_order IS NULL", (order, job))
        self._waiting.put(_Write([statement], None, None))

    def entries(self) -> list[Entry]:
        """All jobs in the order in which they are read, each with its steps.

        A step has its usable reply, else the refusal that ended it, or its first one where none is usable.
        """
        with self._alone() as connection:
            return _entries(connection)

    def spending(self) -> Spending:
        """Requests, attempts by state, and tokens."""
        with self._alone() as connection:
            return count_spending(connection)

    def holds_rows(self) -> bool:
        """Whether a reply that can be used is there or to come, or a job was read that needs none."""
        with self._alone() as connection:
            (found,) = connection.execute(
                "SELECT EXISTS (SELECT 1 FROM attempts WHERE usable OR state = 'sent') OR EXISTS "
                "(SELECT 1 FROM jobs WHERE read_order IS NOT NULL AND number NOT IN (SELECT job FROM requests))"
            ).fetchone()
        return bool(found)

    def served(self, by: str) -> bool:
        """Whether an endpoint gave a reply that can be used, in this run or an earlier one."""
        with self._alone() as connection:
            statement = "SELECT EXISTS (SELECT 1 FROM attempts WHERE usable AND served_by = ?)"
            (found,) = connection.execute(statement, (by,)).fetchone()
        return bool(found)

    def forget_unanswered(self) -> bool:
        """Forget all requests where none was answered and none may have been; returns whether that is so."""
        spending = self.spending()
        if spending.received or spending.unknown or spending.waiting:
            return False
        with self._alone() as connection, _transaction(connection):
            # Attempts are numbered on, so that none can be missing without a gap.
            connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (FIRST_ATTEMPT, str(self._next_attempt)))
            for table in ("batches", "attempts", "requests", "jobs"):
                connection.execute(f"DELETE FROM {table}")
        self._first_attempt = self._next_attempt
        return True

    def read_meta(self, key: str) -> str | None:
        """A value stored with `write_meta`, or None."""
        with self._alone() as connection:
            row = connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return None if row is None else str(row[0])

    def write_meta(self, key: str, value: str) -> None:
        """Store a value, such as the settings the requests were built with."""
        with self._alone() as connection:
            connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    def note_growing(self, figures: Growing) -> None:
        """Keep how far the growth is, for `read_growing`; committed with the next batch, without waiting for it."""
        statement = ("INSERT OR REPLACE INTO meta VALUES ('growing', ?)", (_to_json(figures.as_record()),))
        self._waiting.put(_Write([statement], None, None))

    @contextlib.contextmanager
    def _alone(self) -> Iterator[sqlite3.Connection]:
        """The connection, for one thread at a time.

        Whoever binds values holds the interpreter and waits for SQLite, which waits for the interpreter where the other
        thread's statement calls `seal`: neither goes on, ever.
        """
        with self._lock, sqlite_errors(self.path):
            yield self._connection

    async def _commit(self, statements: "list[_Statement]") -> None:
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        self._waiting.put(_Write(statements, loop, done))
        await done

    def _write_batches(self) -> None:
        closing = False
        failed: list[_Write] = []  # that nobody waits for, such as a job whose requests would be lost without it
        while not closing:
            batch = failed
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
            failed = [write for write in batch if write.done is None] if isinstance(error, DiskError) else []
            for write in batch:
                write.resolve(error)

    def _write(self, batch: "list[_Write]") -> Exception | None:
        if not batch:
            return None
        try:
            with self._alone() as connection, _transaction(connection):
                for write in batch:
                    for sql, parameters in write.statements:
                        connection.execute(sql, parameters)
        except Exception as error:  # handed to every waiting caller, who raises it
            return error
        return None


@contextlib.contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """What the block writes is committed whole, or not at all."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise


_Statement = tuple[str, tuple[Any, ...]]

_FINISH = (
    f"UPDATE attempts SET {', '.join(f'{column} = ?' for column in SEALED_ANSWER)}, reply = ?, "
    f"seal = seal(id, request, {', '.join('?' * len(SEALED_ANSWER))}, ?) WHERE id = ?"
)


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


def read_entries(path: Path) -> list[Entry]:
    """What `Ledger.entries` gives, read without changing the ledger, also while another process writes it.

    Raises:
        IntegrityError: the file is not a ledger.
    """
    with reading(path) as connection:
        return _entries(connection)


def _entries(connection: sqlite3.Connection) -> list[Entry]:
    jobs = connection.execute(
        f"SELECT number, recipe, context, read_order, turn, dropped FROM jobs ORDER BY {IN_ORDER}"
    ).fetchall()
    refused = "coalesce(refused, 0)" if has_column(connection, "attempts", "refused") else "0"
    rows = connection.execute(
        "SELECT r.job, r.step, r.body, r.prompt_ceiling, r.completion_ceiling, "
        "(SELECT count(*) FROM attempts WHERE request = r.id), "
        f"a.reply, a.usable, a.prompt_tokens, a.completion_tokens, {refused} "
        "FROM requests r LEFT JOIN attempts a ON a.id = ("
        f"  SELECT id FROM attempts WHERE request = r.id AND (state = 'received' OR {refused}) "
        f"  ORDER BY usable DESC, {refused} DESC, id LIMIT 1) ORDER BY r.job, r.step"
    ).fetchall()
    entries = {
        number: Entry(number, recipe, json.loads(context), order, turn, bool(dropped))
        for number, recipe, context, order, turn, dropped in jobs
    }
    for job, step, body, prompt, completion, attempts, reply, usable, used_prompt, used_completion, no in rows:
        used = used_prompt or 0, used_completion or 0
        received = None if reply is None else Received(reply, bool(usable), *used, refused=bool(no))
        request = Request(job, step, json.loads(body), prompt, completion)
        entries[job].steps.append(Step(request, attempts, received))
    return list(entries.values())


def _sending(attempt: int, request: Request) -> list[_Statement]:
    """Records that an attempt is about to be sent, with the request itself where it is new."""
    body = _to_json(request.body)
    key = (request.job, request.step)
    rest = (hash_text(body), request.prompt_ceiling, request.completion_ceiling)
    return [
        (
            "INSERT OR IGNORE INTO requests (job, step, body, body_sha256, prompt_ceiling, completion_ceiling, seal) "
            "VALUES (?, ?, ?, ?, ?, ?, seal(?, ?, ?, ?, ?))",
            (*key, body, *rest, *key, *rest),
        ),
        (
            "INSERT INTO attempts (id, request, state, seal) "
            "SELECT ?, id, 'sent', seal(?, id) FROM requests WHERE job = ? AND step = ?",
            (attempt, attempt, *key),
        ),
    ]


def _storable(reply: str) -> str:
    """SQLite text cannot hold lone surrogates; a raw body decoded from UTF-8 has none, a replaced one is marked."""
    return reply[:LONGEST_REPLY].encode("utf-8", "replace").decode("utf-8")


def _to_json(value: Mapping[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
