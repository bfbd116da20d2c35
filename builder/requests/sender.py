"""The one retry layer: sends a request, commits every attempt, backs off, and stops at once where retrying cannot help."""

import asyncio
import contextlib
import email.utils
import json
import random
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, stop_after_attempt, stop_any
from tenacity.stop import stop_base

from builder.config import Teacher
from builder.errors import EndpointError
from builder.requests.budget import Budget
from builder.requests.ledger import AttemptState, Ledger, Received, Request

_FIRST_WAIT = (
    0.5  # seconds; doubles with each attempt, with full jitter (Brooker 2015, "Exponential Backoff And Jitter")
)
_LONGEST_WAIT = 60.0
_LONGEST_RETRY_AFTER = 600.0
_RETRIED = frozenset({408, 409, 425, 429})


@dataclass(frozen=True, slots=True)
class HttpReply:
    """An HTTP answer of any status: headers in lower case, body as text."""

    status: int
    headers: Mapping[str, str]
    text: str


class TransportError(Exception):
    """No HTTP answer: a time-out or a broken connection. `sent` is False where the request cannot have arrived."""

    def __init__(self, message: str, *, sent: bool) -> None:
        super().__init__(message)
        self.sent = sent


class ChatTransport(Protocol):
    """What a teacher is to this layer."""

    async def post(self, body: Mapping[str, Any]) -> HttpReply:
        """Send one chat-completions body once, without retries.

        Raises:
            TransportError: no answer came.
        """


@dataclass(frozen=True, slots=True)
class Completion:
    """What a usable chat completion says."""

    content: str
    finish_reason: str
    prompt_tokens: int
    completion_tokens: int


def read_completion(text: str) -> Completion | None:
    """Read a raw body as a chat completion; None where it is HTML, an error body, without choices or without content."""
    try:
        body = json.loads(text)
        choice = body["choices"][0]
        content = choice["message"]["content"]
    except (ValueError, KeyError, IndexError, TypeError, RecursionError):
        return None
    if not isinstance(content, str):
        return None
    usage = body.get("usage")
    usage = usage if isinstance(usage, dict) else {}
    return Completion(
        content,
        str(choice.get("finish_reason") or ""),
        _count(usage.get("prompt_tokens")),
        _count(usage.get("completion_tokens")),
    )


def _count(value: Any) -> int:
    return value if isinstance(value, int) and value >= 0 else 0


class _TryAgain(Exception):
    def __init__(self, why: str, wait: float | None = None) -> None:
        super().__init__(why)
        self.wait = wait


class _StopWhenSet(stop_base):
    def __init__(self, event: asyncio.Event) -> None:
        self._event = event

    def __call__(self, retry_state: RetryCallState) -> bool:
        return self._event.is_set()


class Sender:
    """Sends requests to one teacher.

    Args:
        transport: the teacher.
        settings: attempts and, for advice in errors, the model, address and key variable.
        random: for jitter.
        now: seconds since the epoch, for Retry-After dates.
        first_wait: seconds before the second attempt; doubles with each one.
    """

    def __init__(
        self,
        transport: ChatTransport,
        ledger: Ledger,
        budget: Budget,
        settings: Teacher,
        *,
        random: random.Random,
        now: Callable[[], float],
        first_wait: float = _FIRST_WAIT,
    ) -> None:
        self._transport = transport
        self._ledger = ledger
        self._budget = budget
        self._settings = settings
        self._random = random
        self._now = now
        self._first_wait = first_wait
        self._closing = asyncio.Event()
        self.retrying = 0

    def close(self) -> None:
        """Let what was sent arrive, and send nothing again: requests that are backing off end with their last error."""
        self._closing.set()

    def send(self, request: Request, *, first: bool) -> Coroutine[Any, Any, Received]:
        """Reserve the request's ceiling now; the coroutine sends until a usable reply is in the ledger.

        Args:
            first: the request is new; False sends one of the ledger's again, whose reply was lost.

        Returns:
            A coroutine of the reply: usable, or the last unusable one when all attempts gave such. It raises
            EndpointError where the endpoint refuses, is unreachable or fails after all attempts that make sense, and
            BudgetReachedError where another attempt could exceed the cap.

        Raises:
            BudgetReachedError: the request could exceed a cap.
        """
        self._budget.reserve(request.reserved_tokens, new_request=first)
        return self._send(request)

    async def _send(self, request: Request) -> Received:
        last: Received | None = None
        retrying = AsyncRetrying(
            retry=retry_if_exception_type(_TryAgain),
            stop=stop_any(stop_after_attempt(self._settings.max_attempts), _StopWhenSet(self._closing)),
            wait=self._wait,
            sleep=self._pause,
            reraise=True,
        )
        try:
            async for attempt in retrying:
                with attempt:
                    last = None  # an attempt that raises leaves no reply behind
                    if attempt.retry_state.attempt_number > 1:
                        self._budget.reserve(request.reserved_tokens, new_request=False)
                    last = await self._attempt(request)
                    if not last.usable:
                        raise _TryAgain("the endpoint answers 200 with something that is no chat completion")
        except _TryAgain as error:
            if last is None:
                raise EndpointError(
                    f"{self._where}: {error} ({retrying.statistics['attempt_number']} attempts)",
                    "All that was received is kept. Run the same command again when the endpoint answers.",
                ) from None
        assert last is not None
        return last

    async def _attempt(self, request: Request) -> Received:
        used = request.reserved_tokens  # until it is known: also where the reply is lost
        try:
            attempt = await self._ledger.begin(request)
            try:
                reply = await self._transport.post(request.body)
            except TransportError as error:
                state: AttemptState = "unknown" if error.sent else "failed"
                used = request.reserved_tokens if error.sent else 0
                await self._ledger.finish(attempt, state, status=None, reply=str(error))
                raise _TryAgain(str(error)) from None
            if reply.status != 200:
                used = 0
                await self._ledger.finish(attempt, "failed", status=reply.status, reply=reply.text)
                raise self._refused(reply)
            completion = read_completion(reply.text)
            used = completion.prompt_tokens + completion.completion_tokens if completion else 0
            return await self._ledger.finish(
                attempt,
                "received",
                status=200,
                reply=reply.text,
                usable=completion is not None,
                prompt_tokens=completion.prompt_tokens if completion else 0,
                completion_tokens=completion.completion_tokens if completion else 0,
            )
        finally:
            self._budget.settle(request.reserved_tokens, used)

    def _refused(self, reply: HttpReply) -> Exception:
        said = _error_text(reply.text)
        key = self._settings.api_key_env
        advice = {
            401: f"The key in ${key} was refused: check that it is set, whole, and for this endpoint.",
            403: f"The key in ${key} may not use {self._settings.model}.",
            404: f"No model {self._settings.model} there: check teacher.model and teacher.base_url.",
        }
        if reply.status in advice:
            return EndpointError(f"{self._where}: {reply.status} {said}", advice[reply.status])
        if reply.status == 429 and ("insufficient_quota" in reply.text or "billing" in said.lower()):
            return EndpointError(
                f"{self._where}: 429 {said}",
                "The account's quota is used up; retrying cannot help.",
            )
        if reply.status in _RETRIED or reply.status >= 500:
            return _TryAgain(
                f"{reply.status} {said}",
                self._retry_after(reply.headers.get("retry-after")),
            )
        return EndpointError(
            f"{self._where}: {reply.status} {said}",
            "The endpoint does not take this request; `teacher.response_format: none` helps where it knows no JSON mode.",
        )

    @property
    def _where(self) -> str:
        address = self._settings.base_url or (
            "embedded teacher" if self._settings.provider == "embedded" else "endpoint"
        )
        return f"{address} ({self._settings.model})"

    def _retry_after(self, value: str | None) -> float | None:
        """Seconds from a Retry-After header, given in seconds or as a date (RFC 9110, 10.2.3)."""
        if not value:
            return None
        try:
            seconds = float(value)
        except ValueError:
            try:
                seconds = email.utils.parsedate_to_datetime(value).timestamp() - self._now()
            except ValueError:
                return None
        return min(max(seconds, 0.0), _LONGEST_RETRY_AFTER)

    def _wait(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, _TryAgain) and error.wait is not None:
            return error.wait
        ceiling = min(self._first_wait * 2 ** (state.attempt_number - 1), _LONGEST_WAIT)
        return self._random.uniform(ceiling / 2, ceiling)

    async def _pause(self, seconds: float) -> None:
        self.retrying += 1
        try:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), seconds)
        finally:
            self.retrying -= 1


def _error_text(text: str) -> str:
    try:
        message = json.loads(text)["error"]["message"]
    except (ValueError, KeyError, TypeError, RecursionError):
        message = text
    return " ".join(str(message).split())[:200]
