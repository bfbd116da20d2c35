"""What a ledger's requests used, read without changing it.

request r000012.0   2 attempts, 1,640 prompt + 512 reply tokens
endpoint            answers after 2.1 s (median) and 6.4 s (p95)
"""

import json
import sqlite3
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from builder.progress import Growing
from builder.requests.ledger_file import has_column, reading

# Attempts `a` that may have been served, and received replies that do not say what they used.
_UNKNOWN = "a.state IN ('unknown', 'sent')"
_UNSTATED = "(a.state = 'received' AND a.prompt_tokens IS NULL)"
# Attempts `a` that were sent in a batch: from its first to its last.
IN_A_BATCH = (
    "coalesce(a.id <= (SELECT last_attempt FROM batches WHERE first_attempt <= a.id "
    "ORDER BY first_attempt DESC LIMIT 1), 0)"
)


@dataclass(frozen=True, slots=True)
class Spending:
    """What the ledger counts. `tokens` holds unknown replies, and those that state no usage, at their reserved ceiling.

    Attributes:
        unknown: sent, and nobody knows whether they were served.
        unstated: how many of the received replies state no usage.
        waiting: sent in a batch that was not collected yet; their tokens count at the ceiling too.
    """

    requests: int
    attempts: int
    received: int
    failed: int
    unknown: int
    prompt_tokens: int
    completion_tokens: int
    tokens: int
    unstated: int = 0
    waiting: int = 0


@dataclass(frozen=True, slots=True)
class OpenBatch:
    """A batch that was not collected yet.

    Attributes:
        id: the endpoint's; None where the process died before it was known.
        requests: without an answer.
        since: when it was begun, in seconds since the epoch.
    """

    id: str | None
    requests: int
    since: float


def read_open_batches(path: Path) -> list[OpenBatch]:
    """The batches of a ledger that were not collected yet, oldest first.

    Raises:
        IntegrityError: the file is not a ledger.
    """
    with reading(path) as connection:
        return _open_batches(connection)


def _open_batches(connection: sqlite3.Connection) -> list[OpenBatch]:
    if not has_column(connection, "batches", "first_attempt"):
        return []
    rows = connection.execute(
        "SELECT b.id, count(*), b.since FROM batches b JOIN attempts a ON a.id BETWEEN b.first_attempt AND b.last_attempt "
        "WHERE a.state = 'sent' GROUP BY b.first_attempt ORDER BY b.first_attempt"
    )
    return [OpenBatch(*row) for row in rows]


def read_spending(path: Path) -> Spending:
    """What a ledger counts, without changing it: also while another process writes it.

    Raises:
        IntegrityError: the file is not a ledger.
    """
    with reading(path) as connection:
        return count_spending(connection)


def read_growing(path: Path) -> Growing | None:
    """How far the growth was when that was last noted, at most a second or two ago where it runs; None where it never was.

    Raises:
        IntegrityError: the file is not a ledger.
    """
    with reading(path) as connection:
        row = connection.execute("SELECT value FROM meta WHERE key = 'growing'").fetchone()
    return None if row is None else Growing.from_record(json.loads(row[0]))


def count_spending(connection: sqlite3.Connection) -> Spending:
    """Requests, attempts by state, and tokens, over an open ledger."""
    states: dict[str, int] = dict(connection.execute("SELECT state, count(*) FROM attempts GROUP BY state").fetchall())
    waiting = sum(batch.requests for batch in _open_batches(connection)) if states.get("sent") else 0
    (requests,) = connection.execute("SELECT count(*) FROM requests").fetchone()
    prompt, completion = connection.execute(
        "SELECT coalesce(sum(prompt_tokens), 0), coalesce(sum(completion_tokens), 0) FROM attempts"
    ).fetchone()
    unstated, unknown_tokens = connection.execute(
        f"SELECT coalesce(sum({_UNSTATED}), 0), coalesce(sum(r.prompt_ceiling + r.completion_ceiling), 0) "
        f"FROM attempts a JOIN requests r ON r.id = a.request WHERE {_UNKNOWN} OR {_UNSTATED}"
    ).fetchone()
    return Spending(
        requests=requests,
        attempts=sum(states.values()),
        received=states.get("received", 0),
        failed=states.get("failed", 0),
        unknown=states.get("unknown", 0) + states.get("sent", 0) - waiting,
        prompt_tokens=prompt,
        completion_tokens=completion,
        tokens=prompt + completion + unknown_tokens,
        unstated=unstated,
        waiting=waiting,
    )


@dataclass(frozen=True, slots=True)
class Usage:
    """What one request used at one endpoint, all its attempts there together; those in batches by themselves.

    Attributes:
        job: the job's id, such as `r000012`; the steps of one job share it.
        model: that answered; as the request's body names it where no answer came.
        prompt_bytes: UTF-8 bytes of the messages of one attempt.
        usable: how many of the attempts gave a usable reply.
        unknown: how many gave no answer, or none yet.
        unstated: how many were answered without saying what they used.
        unknown_prompt_tokens, unknown_completion_tokens: the ceilings that were reserved for the unknown and the unstated.
        read_order: when its job was read, or None.
        batch: it was sent in batches, hence at half the price.
    """

    job: str
    step: int
    recipe: str
    model: str
    prompt_bytes: int
    attempts: int
    usable: int
    unknown: int
    unstated: int
    prompt_tokens: int
    completion_tokens: int
    unknown_prompt_tokens: int
    unknown_completion_tokens: int
    read_order: int | None
    batch: bool = False

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
    with reading(path) as connection:
        in_a_batch = IN_A_BATCH if has_column(connection, "batches", "first_attempt") else "0"
        rows = connection.execute(
            "SELECT r.job, r.step, j.recipe, j.read_order, r.body, a.served_by, count(a.id), "
            "coalesce(sum(a.state = 'received' AND a.usable), 0), "
            f"coalesce(sum({_UNKNOWN}), 0), coalesce(sum({_UNSTATED}), 0), "
            "r.prompt_ceiling, r.completion_ceiling, "
            f"coalesce(sum(a.prompt_tokens), 0), coalesce(sum(a.completion_tokens), 0), {in_a_batch} AS batch "
            "FROM requests r JOIN jobs j ON j.number = r.job LEFT JOIN attempts a ON a.request = r.id "
            "GROUP BY r.id, a.served_by, batch ORDER BY r.job, r.step, a.served_by, batch"
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
    unstated: int,
    prompt_ceiling: int,
    completion_ceiling: int,
    prompt_tokens: int,
    completion_tokens: int,
    batch: int,
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
        unstated=unstated,
        prompt_tokens=prompt_tokens,
        completion_tokens=completion_tokens,
        unknown_prompt_tokens=(unknown + unstated) * prompt_ceiling,
        unknown_completion_tokens=(unknown + unstated) * completion_ceiling,
        read_order=read_order,
        batch=bool(batch),
    )


def read_recipes(path: Path) -> dict[str, str]:
    """The recipe of each job by the job's id, such as `r000012`, read without changing the ledger."""
    with reading(path) as connection:
        return {f"r{number:06d}": recipe for number, recipe in connection.execute("SELECT number, recipe FROM jobs")}


def read_latencies(path: Path) -> dict[str, list[float]]:
    """Seconds from sending to the whole reply, in ascending order, by endpoint; empty for what older ledgers hold.

    Raises:
        IntegrityError: the file is not a ledger.
    """
    latencies: dict[str, list[float]] = {}
    with reading(path) as connection:
        if has_column(connection, "attempts", "seconds"):
            rows = connection.execute(
                "SELECT served_by, seconds FROM attempts WHERE state = 'received' AND seconds IS NOT NULL "
                "ORDER BY served_by, seconds"
            )
            for endpoint, seconds in rows:
                latencies.setdefault(endpoint or "-", []).append(seconds)
    return latencies


ATTEMPT_SCHEMA = pa.schema(
    [
        ("attempt", pa.int64()),
        ("request_id", pa.string()),
        ("job", pa.string()),
        ("recipe", pa.string()),
        ("model", pa.string()),
        ("state", pa.string()),
        ("status", pa.int64()),
        ("usable", pa.bool_()),
        ("prompt_tokens", pa.int64()),
        ("completion_tokens", pa.int64()),
        ("prompt_ceiling", pa.int64()),
        ("completion_ceiling", pa.int64()),
        ("reply_bytes", pa.int64()),
        ("served_by", pa.string()),
        ("seconds", pa.float64()),
        ("batch", pa.bool_()),
    ]
)
_ATTEMPTS_AT_ONCE = 10_000


def read_attempts(path: Path) -> pa.Table:
    """Every attempt of a ledger, without what was asked and answered, as `ATTEMPT_SCHEMA` has it.

    Raises:
        IntegrityError: the file is not a ledger.
    """
    with reading(path) as connection:
        in_a_batch = IN_A_BATCH if has_column(connection, "batches", "first_attempt") else "0"
        seconds = "a.seconds" if has_column(connection, "attempts", "seconds") else "NULL"
        length = "a.reply_length" if has_column(connection, "attempts", "reply_length") else "length(a.reply)"
        rows = connection.execute(
            "SELECT a.id, printf('r%06d.%d', r.job, r.step), printf('r%06d', r.job), j.recipe, "
            "json_extract(r.body, '$.model'), a.state, a.status, a.usable, a.prompt_tokens, a.completion_tokens, "
            f"r.prompt_ceiling, r.completion_ceiling, {length}, a.served_by, {seconds}, {in_a_batch} "
            "FROM attempts a JOIN requests r ON r.id = a.request JOIN jobs j ON j.number = r.job ORDER BY a.id"
        )
        batches = []
        while some := rows.fetchmany(_ATTEMPTS_AT_ONCE):
            columns = [list(column) for column in zip(*some, strict=True)]
            arrays = [
                pa.array(
                    [None if v is None else bool(v) for v in column] if field.type == pa.bool_() else column, field.type
                )
                for column, field in zip(columns, ATTEMPT_SCHEMA, strict=True)
            ]
            batches.append(pa.record_batch(arrays, schema=ATTEMPT_SCHEMA))
    return pa.Table.from_batches(batches, ATTEMPT_SCHEMA)
