"""How much may be sent to one endpoint now: its requests in flight, its rates, and what it says about them.

No waiting happens here: everything is a question about a monotonic clock, and `builder.requests.lanes` waits.
"""

import math
import re
from collections.abc import Callable, Mapping
from typing import Literal

from builder.requests.retrying import LONGEST_PAUSE

# What one request's end says about the endpoint: it serves, it has too much to do, or neither.
Load = Literal["served", "overloaded", "other"]
OVERLOADED = frozenset({408, 429, 503, 504, 529})

_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|us|ns|d|h|m|s))+")
_PART = re.compile(r"(?<![\d.])(\d+(?:\.\d+)?)(ms|us|ns|d|h|m|s)")
_SECONDS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
# A clock's rounding must not cost another round of waiting.
_NOTHING = 1e-6


class TokenBucket:
    """A rate: it fills evenly and starts with one second's worth, so that the first minute stays within the rate.

    Args:
        per_minute: what flows in.
        capacity: the most it holds while nothing is taken.
        now: seconds, monotonic.
    """

    def __init__(self, per_minute: float, capacity: float, now: float) -> None:
        self._rate = per_minute / 60
        self._capacity = capacity
        self._level = min(self._rate, capacity)
        self._reserved = 0.0
        self._filled_at = now

    def available(self, now: float) -> float:
        """What is neither used nor reserved; below 0 where a reservation was larger than what was there."""
        self._level = min(self._level + (now - self._filled_at) * self._rate, self._capacity)
        self._filled_at = now
        return self._level - self._reserved

    def wait(self, amount: float, now: float) -> float:
        """Seconds until `amount` may be taken; more than a second's worth goes into debt, which the next one waits for."""
        missing = min(amount, self._rate) - self.available(now)
        return missing / self._rate if missing > _NOTHING else 0.0

    def reserve(self, amount: float) -> None:
        """Take `amount` until it is known how much of it is used."""
        self._reserved += amount

    def settle(self, reserved: float, used: float) -> None:
        """Replace a reservation by what was used."""
        self._reserved -= reserved
        self._level -= used


class Allowance:
    """What an endpoint's x-ratelimit headers say is left, until it is renewed."""

    def __init__(self) -> None:
        self._left = math.inf
        self._until = -math.inf

    def hear(self, remaining: str | None, reset: str | None, now: float) -> None:
        """Take what the latest answer says; the endpoint knows best, so it replaces what was known."""
        try:
            left = float(remaining or "")
        except ValueError:
            return
        seconds = read_duration(reset or "")
        if seconds is None or math.isnan(left):
            return
        self._left, self._until = left, now + min(seconds, LONGEST_PAUSE)

    def take(self, amount: float) -> None:
        """Count what is sent after the latest answer."""
        self._left -= amount

    def wait(self, amount: float, now: float) -> float:
        """Seconds until `amount` is there again."""
        return max(self._until - now, 0.0) if self._left < amount else 0.0

    def room(self, now: float) -> float:
        """What is left now."""
        return self._left if now < self._until else math.inf


class Limits:
    """What may be sent to one endpoint.

    The requests in flight follow AIMD (Chiu & Jain 1989; TCP Reno's rules): one more for each round trip of served requests,
    half after an overload, and only once for all requests that were under way when it was halved.

    Args:
        concurrency: the most in flight, and where it starts.
        requests_per_minute: None is no limit.
        tokens_per_minute: prompt and reply; None is no limit.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        concurrency: int,
        requests_per_minute: int | None,
        tokens_per_minute: int | None,
        clock: Callable[[], float],
    ) -> None:
        self._concurrency = concurrency
        self._clock = clock
        self._requests: TokenBucket | None = None
        self._tokens: TokenBucket | None = None
        if requests_per_minute is not None:
            self._requests = TokenBucket(requests_per_minute, max(1.0, requests_per_minute / 60), clock())
        if tokens_per_minute is not None:
            self._tokens = TokenBucket(tokens_per_minute, tokens_per_minute, clock())
        self._requests_left = Allowance()
        self._tokens_left = Allowance()
        self._started = 0
        self._halved_at = 0
        self.allowed = float(concurrency)
        self.in_flight = 0

    @property
    def slots(self) -> int:
        """Requests in flight that are allowed and not used; below 0 after the allowance was halved."""
        return int(self.allowed) - self.in_flight

    def wait(self, tokens: int) -> float:
        """Seconds until a request of at most `tokens` may start: 0 is now, infinity when another one ends."""
        return math.inf if self.slots <= 0 else self.wait_for_rates(tokens)

    def wait_for_rates(self, tokens: int) -> float:
        """The same, but for the rates alone."""
        now = self._clock()
        waits = [self._requests_left.wait(1, now), self._tokens_left.wait(tokens, now)]
        if self._requests:
            waits.append(self._requests.wait(1, now))
        if self._tokens:
            waits.append(self._tokens.wait(tokens, now))
        return max(waits)

    def free(self, tokens: int) -> int:
        """How many requests of at most `tokens` each may start now; below 0 after the allowance was halved."""
        if self.slots <= 0:
            return self.slots
        if self.wait_for_rates(tokens) > 0:
            return 0
        now = self._clock()
        rooms = [self._requests_left.room(now), self._tokens_left.room(now) / max(tokens, 1)]
        if self._requests:
            rooms.append(self._requests.available(now))
        if self._tokens:
            rooms.append(self._tokens.available(now) / max(tokens, 1))
        return int(min(self.slots, max(min(rooms), 1)))

    def start(self, tokens: int) -> int:
        """Count a request as in flight, with its ceiling reserved; returns its number for `finish`."""
        self._started += 1
        self.in_flight += 1
        self._requests_left.take(1)
        self._tokens_left.take(tokens)
        if self._requests:
            self._requests.settle(0, 1)
        if self._tokens:
            self._tokens.reserve(tokens)
        return self._started

    def finish(self, number: int, tokens: int, used: int, load: Load) -> None:
        """Count a request as ended.

        Args:
            number: from `start`.
            tokens: its ceiling.
            used: tokens it used; its ceiling where that is unknown.
            load: what its end says.
        """
        self.in_flight -= 1
        if self._tokens:
            self._tokens.settle(tokens, used)
        if load == "served":
            self.allowed = min(self.allowed + 1 / self.allowed, float(self._concurrency))
        elif load == "overloaded" and number > self._halved_at:
            self.allowed = max(self.allowed / 2, 1.0)
            self._halved_at = self._started

    def hear(self, headers: Mapping[str, str]) -> None:
        """Take the endpoint's x-ratelimit headers (OpenAI's names, lower case), where it sends any."""
        now = self._clock()
        for allowance, unit in ((self._requests_left, "requests"), (self._tokens_left, "tokens")):
            remaining = headers.get(f"x-ratelimit-remaining-{unit}")
            if remaining is not None:
                allowance.hear(remaining, headers.get(f"x-ratelimit-reset-{unit}"), now)


def read_duration(text: str) -> float | None:
    """Seconds from a duration such as `1s`, `6m0s`, `120ms` or plain seconds; None where it is neither."""
    text = text.strip().lower()
    if _DURATION.fullmatch(text):
        return sum(float(number) * _SECONDS[unit] for number, unit in _PART.findall(text))
    try:
        seconds = float(text)
    except ValueError:
        return None
    return seconds if 0 <= seconds < 1e9 else None  # more than that is a time of day, not a duration
