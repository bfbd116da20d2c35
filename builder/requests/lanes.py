"""One endpoint as the sender uses it: a queue for its slots, and whether it is in use, resting or out."""

import asyncio
import contextlib
import hashlib
import math
from collections.abc import Callable, Mapping, Sequence

from builder.errors import EndpointError
from builder.requests.limits import Limits, Load
from builder.requests.transport import ChatTransport, name_endpoint

# Seconds for which an endpoint that failed a request in all its attempts gets no new ones while another can take them.
_REST = 60.0


class Bell:
    """Wakes everybody who waits for something to change."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def ring(self) -> None:
        """Wake all who wait."""
        self._event.set()
        self._event = asyncio.Event()

    async def wait(self, seconds: float) -> None:
        """Until it rings, or for so many seconds."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._event.wait(), None if math.isinf(seconds) else seconds)


class Lane:
    """One endpoint.

    Args:
        transport: sends to it.
        clock: seconds, monotonic.
        bell: rung whenever a slot or an endpoint's state changes.

    Attributes:
        queued: requests that wait for a slot, or are about to.
        backing_off: requests between two attempts; they hold no slot.
        served: it gave a reply that can be used.
        doubted: requests that were refused before that, for whatever reason, or after it for a member that all carry.
        useless: replies in a row that cannot be used; `useless_since` is when the first of them came.
        out: why it is out for the rest of the run, or None.
    """

    def __init__(self, transport: ChatTransport, clock: Callable[[], float], bell: Bell) -> None:
        settings = transport.settings
        self.transport = transport
        self.name = name_endpoint(settings)
        self.limits = Limits(settings.concurrency, settings.requests_per_minute, settings.tokens_per_minute, clock)
        self.queued = 0
        self.backing_off = 0
        self.served = False
        self.doubted: set[str] = set()
        self.useless = 0
        self.useless_since = -math.inf
        self.out: EndpointError | None = None
        self._most_backing_off = max(settings.concurrency, 16)
        self._resting_until = -math.inf
        self._clock = clock
        self._bell = bell
        self._turnstile = asyncio.Lock()

    @property
    def resting(self) -> bool:
        return self._clock() < self._resting_until

    def rest(self) -> None:
        """Give it no new requests for a while, where another endpoint can take them."""
        self._resting_until = self._clock() + _REST

    def free(self, tokens: int) -> int:
        """How many more requests may start now; below 0 where more wait than there are slots."""
        if self.out is not None or self.backing_off >= self._most_backing_off:
            return -self.queued
        return self.limits.free(tokens) - self.queued

    async def enter(self, tokens: int, closing: asyncio.Event) -> int | None:
        """Wait for a slot, first come, first served; the caller has counted itself in `queued`.

        Returns:
            The number for `leave`, or None where nothing is sent any more.

        Raises:
            EndpointError: the endpoint is out.
        """
        try:
            async with self._turnstile:
                while self.out is None and not closing.is_set() and (seconds := self.limits.wait(tokens)) > 0:
                    await self._bell.wait(seconds)
                if self.out is not None:
                    raise self.out
                return None if closing.is_set() else self.limits.start(tokens)
        finally:
            self.queued -= 1

    def leave(self, number: int, tokens: int, used: int, load: Load, headers: Mapping[str, str] | None) -> None:
        """Give the slot back with what the endpoint said."""
        if headers is not None:
            self.limits.hear(headers)
        self.limits.finish(number, tokens, used, load)
        self._bell.ring()


def rank_lanes(lanes: Sequence[Lane], request_id: str) -> list[Lane]:
    """Order endpoints for one request: each comes first for its weight's share of all requests, by hash alone.

    Weighted rendezvous hashing: without one of them the others keep their order, so its share spreads by weight.
    """
    if len(lanes) == 1:
        return list(lanes)

    def score(place: int) -> float:
        digest = hashlib.sha256(f"{request_id}/{place}".encode()).hexdigest()
        share = (int(digest[:13], 16) + 1) / (16**13 + 1)
        return -math.log(share) / lanes[place].transport.weight

    return [lanes[place] for place in sorted(range(len(lanes)), key=score)]
