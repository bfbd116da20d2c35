"""Sending requests as a batch (OpenAI's Batch API): a file up, a batch made, polled, and its files down.

A batch costs half of what its requests cost one by one, and takes up to a day. What is known about it is its id and its name,
so that any later process can collect it:

    submit({"r000012.0": {"model": …, "messages": […]}}, name="…/window-3")   →  "batch_abc"
    collect("batch_abc")                                                      →  None while it runs
    collect("batch_abc")                                                      →  {"r000012.0": HttpReply(200, …)}
"""

import asyncio
import contextlib
import json
import random
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt

from builder.config import Teacher
from builder.errors import EndpointError, UsageError
from builder.language.messages import worded
from builder.requests.completion import error_text
from builder.requests.retrying import FIRST_WAIT, Backoff, TryAgain, judge_refusal
from builder.requests.transport import HttpReply, TransportError, name_endpoint

# OpenAI's limits for one batch (platform.openai.com/docs/guides/batch).
MOST_REQUESTS = 50_000
MOST_BYTES = 200_000_000

URL: Literal["/v1/chat/completions"] = "/v1/chat/completions"
# How often a running batch is looked at, in seconds: soon at first, then rarely, since most take minutes to hours.
_FIRST_LOOK = 1.0
_LONGEST_LOOK = 60.0
_SLOWER = 1.5
_RUNNING = frozenset({"validating", "in_progress", "finalizing", "cancelling"})
_PAGE = 100
_MOST_PAGES = 20


@dataclass(frozen=True, slots=True)
class Seen:
    """How far a batch is: its status, such as `in_progress`, and how many of its requests were come to."""

    status: str = ""
    done: int = 0


class RefusedError(EndpointError):
    """The endpoint says no, and would again.

    Args:
        status: its answer's.
    """

    def __init__(self, message: str, remedy: str, status: int) -> None:
        super().__init__(message, remedy)
        self.status = status


class FailedBatchError(EndpointError):
    """A batch failed as a whole: nothing of it was answered."""


class BatchTransport(Protocol):
    """One endpoint's files and batches. Every method sends once and raises TransportError where no answer came."""

    @property
    def settings(self) -> Teacher:
        """The endpoint's address and key variable."""

    async def upload(self, lines: bytes) -> HttpReply:
        """Store a JSONL file for a batch."""

    async def create(self, file_id: str, name: str) -> HttpReply:
        """Start a batch on a file; `name` is stored with it."""

    async def retrieve(self, batch_id: str) -> HttpReply:
        """A batch's state."""

    async def cancel(self, batch_id: str) -> HttpReply:
        """End a batch early; what was answered stays."""

    async def page(self, after: str | None, size: int) -> HttpReply:
        """Batches, newest first, those after the one named."""

    async def download(self, file_id: str) -> tuple[HttpReply, list[str]]:
        """A file's lines; without any where the status is not 200."""


class Batches:
    """Batches at one endpoint.

    Args:
        transport: the endpoint.
        random: for jitter.
        now: seconds since the epoch, for Retry-After dates.
        sleep: waits so many seconds.
        first_wait: seconds before the second attempt of a call.

    Attributes:
        where: the endpoint and its model.
        seen: what the endpoint last said of a batch.
    """

    def __init__(
        self,
        transport: BatchTransport,
        *,
        random: random.Random,
        now: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        first_wait: float = FIRST_WAIT,
    ) -> None:
        self._transport = transport
        self._settings = transport.settings
        self._backoff = Backoff(random, first_wait)
        self._now = now
        self._sleep = sleep
        self.where = name_endpoint(self._settings)
        self.seen = Seen()

    async def submit(self, requests: Mapping[str, Mapping[str, Any]], name: str) -> str:
        """Send chat-completions bodies as one batch, unless one of this name is there already.

        Args:
            requests: bodies by `custom_id`.
            name: the same for the same requests, and for no others: it finds the batch again whose id was lost to a kill.

        Returns:
            The batch's id; store it.

        Raises:
            UsageError: more than one batch can hold.
            RefusedError: the endpoint refuses, or has no Batch API; no batch was made by this call.
            EndpointError: it does not answer; the batch may be there.
        """
        lines = write_lines(requests)
        known = await self.find(name)
        if known is not None:
            return known
        uploaded = await self._ask(lambda: self._transport.upload(lines))
        file_id = str(uploaded["id"])
        tries = 0

        async def create() -> HttpReply:
            nonlocal tries
            tries += 1
            # After a lost answer the batch may be there, and a second one would be paid twice.
            if tries > 1 and (there := await self._find_again(name)) is not None:
                return await self._transport.retrieve(there)
            return await self._transport.create(file_id, name)

        return str((await self._ask(create))["id"])

    async def find(self, name: str) -> str | None:
        """The id of the newest batch of a name that did not fail as a whole, or None."""
        after: str | None = None
        for _ in range(_MOST_PAGES):
            page = await self._ask(lambda after=after: self._transport.page(after, _PAGE), key="data")  # type: ignore[misc]
            batches = [batch for batch in page["data"] if isinstance(batch, dict)]
            for batch in batches:
                if (batch.get("metadata") or {}).get("seedbed") == name and batch.get("status") != "failed":
                    return str(batch.get("id"))
            if not page.get("has_more") or not batches:
                return None
            after = str(batches[-1].get("id"))
        return None

    async def _find_again(self, name: str) -> str | None:
        try:
            return await self.find(name)
        except RefusedError as error:  # says nothing about the batch that may have been made
            raise EndpointError(error.message, error.remedy) from None

    async def cancel(self, batch_id: str) -> None:
        """Ask the endpoint to end a batch early; one that has ended stays as it is."""
        try:
            await self._ask(lambda: self._transport.cancel(batch_id))
        except RefusedError as error:
            if error.status not in (400, 409):
                raise

    async def collect(self, batch_id: str) -> dict[str, HttpReply] | None:
        """Take a batch's answers; None while it runs.

        Returns:
            Answers by `custom_id`, as the chat endpoint would have given them. A request that the batch did not come to,
            since it expired or was cancelled, has status 408 and was not bought. One that is missing is unknown.

        Raises:
            FailedBatchError: the batch failed as a whole.
            RefusedError: the endpoint does not know it, or refuses.
            EndpointError: the endpoint does not answer.
        """
        batch = await self._ask(lambda: self._transport.retrieve(batch_id))
        status = str(batch.get("status"))
        counts = batch.get("request_counts") or {}
        self.seen = Seen(status, (counts.get("completed") or 0) + (counts.get("failed") or 0))
        if status in _RUNNING:
            return None
        if status == "failed":
            raise FailedBatchError(
                f"{self.where}: batch {batch_id} failed: {_first_error(batch)}",
                worded(
                    "Nothing of it was answered. Run the same command to send it again, with a smaller growth.window "
                    "where it is too much for the account's queue; `teacher.send: chat` sends the requests one by "
                    "one."
                ),
            )
        replies: dict[str, HttpReply] = {}
        for key in ("output_file_id", "error_file_id"):
            file_id = batch.get(key)
            if file_id:
                for line in await self._lines(str(file_id)):
                    self._read_line(line, replies)
        return replies

    async def wait(self, batch_id: str) -> dict[str, HttpReply]:
        """Look at a batch, more and more rarely, until it has ended; see `collect`."""
        waits = pauses()
        while (replies := await self.collect(batch_id)) is None:
            await self._sleep(next(waits))
        return replies

    async def _lines(self, file_id: str) -> list[str]:
        lines: list[str] = []

        async def download() -> HttpReply:
            reply, lines[:] = await self._transport.download(file_id)
            return reply

        await self._ask(download, key=None)
        return lines

    def _read_line(self, line: str, replies: dict[str, HttpReply]) -> None:
        with contextlib.suppress(ValueError, KeyError, TypeError, AttributeError, RecursionError):
            value = json.loads(line)
            custom_id = str(value["custom_id"])
            response, error = value.get("response"), value.get("error")
            if response is not None:
                body = response["body"]
                text = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False, separators=(",", ":"))
                status = int(response["status_code"])
            else:
                text = json.dumps({"error": error}, ensure_ascii=False)
                status = 408 if str(error["code"]) in ("batch_expired", "batch_cancelled") else 500
            replies.setdefault(custom_id, HttpReply(status, {}, text, self.where))

    async def _ask(self, call: Callable[[], Awaitable[HttpReply]], key: str | None = "id") -> dict[str, Any]:
        """Call until the endpoint answers with a JSON object that has `key`; None takes any answer with status 200."""
        retrying = AsyncRetrying(
            retry=retry_if_exception_type(TryAgain),
            stop=stop_after_attempt(self._settings.max_attempts),
            wait=self._backoff.wait,
            sleep=self._sleep,
            reraise=True,
        )
        answer: dict[str, Any] = {}
        try:
            async for attempt in retrying:
                with attempt:
                    answer = self._read_answer(await self._once(call), key)
        except TryAgain as error:
            attempts = retrying.statistics["attempt_number"]
            raise EndpointError(
                worded("{where}: {error} ({attempts} attempts)", where=self.where, error=error, attempts=attempts),
                worded("A batch that was made goes on. Run the same command again when the endpoint answers."),
            ) from None
        return answer

    async def _once(self, call: Callable[[], Awaitable[HttpReply]]) -> HttpReply:
        try:
            return await call()
        except TransportError as error:
            raise TryAgain(str(error)) from None

    def _read_answer(self, reply: HttpReply, key: str | None) -> dict[str, Any]:
        if reply.status == 404:
            raise RefusedError(
                f"{self.where}: 404 {error_text(reply.text)}",
                worded(
                    "The endpoint has no Batch API, or no longer knows this batch. `teacher.send: chat` needs none."
                ),
                reply.status,
            )
        if reply.status != 200:
            refusal = judge_refusal(reply, self._settings, self._now)
            if isinstance(refusal, EndpointError):
                raise RefusedError(refusal.message, refusal.remedy, reply.status)
            raise refusal
        if key is None:
            return {}
        try:
            value = json.loads(reply.text) if reply.whole else None
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, dict) or not isinstance(value.get(key), str | list):
            raise TryAgain("the endpoint answers 200 with something that is not what was asked for")
        return value


def pauses() -> Iterator[float]:
    """Seconds between two looks at a batch: more and more, up to a minute."""
    pause = _FIRST_LOOK
    while True:
        yield pause
        pause = min(pause * _SLOWER, _LONGEST_LOOK)


def write_lines(requests: Mapping[str, Mapping[str, Any]]) -> bytes:
    """The batch's input file, one request a line.

    Raises:
        UsageError: none, or more than one batch can hold.
    """
    lines = [
        json.dumps({"custom_id": name, "method": "POST", "url": URL, "body": dict(body)}, ensure_ascii=False) + "\n"
        for name, body in requests.items()
    ]
    content = "".join(lines).encode("utf-8", "replace")
    if not requests or len(requests) > MOST_REQUESTS or len(content) > MOST_BYTES:
        raise UsageError(
            worded(
                "a batch of {requests} requests and {content} bytes; one holds 1 to {most_requests} requests and "
                "at most {most_bytes} bytes",
                requests=len(requests),
                content=len(content),
                most_requests=MOST_REQUESTS,
                most_bytes=MOST_BYTES,
            ),
            worded("Choose a smaller growth.window."),
        )
    return content


def _first_error(batch: Mapping[str, Any]) -> str:
    errors = (batch.get("errors") or {}).get("data") or [{}]
    return " ".join(str(errors[0].get("message") or "it does not say why").split())[:200]
