"""When a request is sent again, how long after, and when that cannot help."""

import email.utils
import random
from collections.abc import Callable

from tenacity import RetryCallState

from builder.config import Teacher
from builder.errors import EndpointError
from builder.language.messages import worded
from builder.requests.completion import error_text
from builder.requests.ledger import Received
from builder.requests.refusals import About, advise, read_refusal
from builder.requests.transport import HttpReply, name_endpoint

FIRST_WAIT = 0.5  # seconds; doubles with each attempt, with jitter (Brooker 2015, "Exponential Backoff And Jitter")
_LONGEST_WAIT = 60.0
LONGEST_PAUSE = 600.0  # seconds; what an endpoint asks for beyond that is asked again after it
_RETRIED = frozenset({408, 409, 425, 429})
_OF_THE_PROMPT = frozenset({400, 403, 422})  # with which filters refuse a text; OpenRouter's with 403


class TryAgain(Exception):
    """An attempt failed in a way that passes; `wait` is how many seconds the endpoint asks for, if it does."""

    def __init__(self, why: str, wait: float | None = None) -> None:
        super().__init__(why)
        self.wait = wait


class EndpointOutError(EndpointError):
    """The endpoint cannot be used in this run: its address, key, model or quota."""


class NothingUsableError(EndpointOutError):
    """The endpoint answers, and many answers in a row are of no use: what there is can be published, more is not to be had."""


class RequestRefusedError(EndpointError):
    """The endpoint works and does not take this request, such as one whose text its filter refuses.

    Args:
        about: what it says that it refuses.
        reply: its answer.

    Attributes:
        own: others are taken; it is not known before others were.
    """

    def __init__(self, message: str, remedy: str = "", about: About = "unsaid", reply: str = "") -> None:
        super().__init__(message, remedy)
        self.about = about
        self.reply = reply
        self.own = False


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


class PromptRefusedError(RequestRefusedError):
    """The endpoint takes others and not this one: in the ledger, and not sent again.

    Attributes:
        received: the refusal, in place of a reply.
    """

    def __init__(self, message: str, remedy: str, received: Received) -> None:
        super().__init__(message, remedy, reply=received.reply)
        self.received = received


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
        401: worded("The key in ${key} was refused: check that it is set, whole, and for this endpoint.", key=key),
        402: worded("The account has no credit left; retrying cannot help."),
        403: worded("The key in ${key} may not use {model}.", key=key, model=settings.model),
        404: worded("No model {model} there: check teacher.model and teacher.base_url.", model=settings.model),
    }
    about = read_refusal(reply.status, reply.text, settings)
    status = {"credit": 402, "key": 401}.get(about, 400) if reply.status == 400 else reply.status
    if status in advice and not (about == "content" and status in _OF_THE_PROMPT):
        return EndpointOutError(f"{where}: {reply.status} {said}", advice[status])
    if reply.status == 429 and ("insufficient_quota" in reply.text or "billing" in said.lower()):
        return EndpointOutError(f"{where}: 429 {said}", worded("The account's quota is used up; retrying cannot help."))
    if reply.status in _RETRIED or reply.status >= 500:
        return TryAgain(f"{reply.status} {said}", retry_after(reply.headers.get("retry-after"), now))
    remedy = advise(about, reply.text, settings)
    return RequestRefusedError(f"{where}: {reply.status} {said}", remedy, about, reply.text)


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
