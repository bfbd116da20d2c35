"""When a request is sent again, how long after, and when that cannot help."""

import email.utils
import json
import random
from collections.abc import Callable

from tenacity import RetryCallState

from builder.config import Teacher
from builder.errors import EndpointError
from builder.requests.transport import HttpReply, name_endpoint

FIRST_WAIT = 0.5  # seconds; doubles with each attempt, with jitter (Brooker 2015, "Exponential Backoff And Jitter")
_LONGEST_WAIT = 60.0
LONGEST_PAUSE = 600.0  # seconds; what an endpoint asks for beyond that is asked again after it
_RETRIED = frozenset({408, 409, 425, 429})


class TryAgain(Exception):
    """An attempt failed in a way that passes; `wait` is how many seconds the endpoint asks for, if it does."""

    def __init__(self, why: str, wait: float | None = None) -> None:
        super().__init__(why)
        self.wait = wait


class EndpointOutError(EndpointError):
    """The endpoint cannot be used in this run: its address, key, model or quota."""


class RequestRefusedError(EndpointError):
    """The endpoint works and does not take this request, such as one whose text its filter refuses."""


class Backoff:
    """How long to wait before the next attempt.

    Args:
        random: for jitter.
        first_wait: seconds before the second attempt; doubles with each one.
    """

    def __init__(self, random: random.Random, first_wait: float) -> None:
        self._random = random
        self._first_wait = first_wait

    def wait(self, state: RetryCallState) -> float:
        """Seconds: what the endpoint asked for, else between half and all of the doubling step."""
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, TryAgain) and error.wait is not None:
            return error.wait
        ceiling = min(self._first_wait * 2 ** min(state.attempt_number - 1, 20), _LONGEST_WAIT)
        return self._random.uniform(ceiling / 2, ceiling)


def judge_refusal(reply: HttpReply, settings: Teacher, now: Callable[[], float]) -> TryAgain | EndpointError:
    """What an answer other than 200 means.

    Args:
        reply: the answer.
        settings: the endpoint's, for advice.
        now: seconds since the epoch, for Retry-After dates.

    Returns:
        TryAgain where it passes, EndpointOutError where the endpoint cannot be used at all, and RequestRefusedError where it
        does not take this request.
    """
    said = error_text(reply.text)
    key = settings.api_key_env
    where = name_endpoint(settings)
    advice = {
        401: f"The key in ${key} was refused: check that it is set, whole, and for this endpoint.",
        402: "The account has no credit left; retrying cannot help.",
        403: f"The key in ${key} may not use {settings.model}.",
        404: f"No model {settings.model} there: check teacher.model and teacher.base_url.",
    }
    if reply.status in advice:
        return EndpointOutError(f"{where}: {reply.status} {said}", advice[reply.status])
    if reply.status == 429 and ("insufficient_quota" in reply.text or "billing" in said.lower()):
        return EndpointOutError(f"{where}: 429 {said}", "The account's quota is used up; retrying cannot help.")
    if reply.status in _RETRIED or reply.status >= 500:
        return TryAgain(f"{reply.status} {said}", retry_after(reply.headers.get("retry-after"), now))
    return RequestRefusedError(
        f"{where}: {reply.status} {said}",
        "The endpoint does not take this request; `teacher.response_format: none` helps where it knows no JSON mode.",
    )


def retry_after(value: str | None, now: Callable[[], float]) -> float | None:
    """Seconds from a Retry-After header, given in seconds or as a date (RFC 9110, 10.2.3); None where it says neither."""
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = email.utils.parsedate_to_datetime(value).timestamp() - now()
        except (ValueError, OverflowError):
            return None
    return min(max(seconds, 0.0), LONGEST_PAUSE) if seconds == seconds else None


def error_text(text: str) -> str:
    """What an error body says, on one line."""
    try:
        message = json.loads(text)["error"]["message"]
    except (ValueError, KeyError, TypeError, RecursionError):
        message = text[:2000]
    return " ".join(str(message).split())[:200]
