"""The one retry layer: sends a request, commits every attempt, backs off, and stops at once where retrying cannot help.

Each endpoint has its lane: requests wait there for a slot, hold it for one attempt, and give it back before they back off, so
that new work goes on. Where an endpoint is out, its requests go on in the next lane.

A refusal is the request's own where others are taken, or where it speaks of the prompt's content. Before anything was taken it
may as well be every request's: it waits for what becomes of the others, and only where they are refused too the run ends. Of a
member that all requests carry none is refused for itself, whatever was taken before.
"""

import asyncio
import contextlib
import math
import random
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, stop_after_attempt, stop_any
from tenacity.stop import stop_base

from builder.config import Teacher
from builder.errors import EndpointError
from builder.language.messages import worded
from builder.requests.budget import Budget, Ceiling
from builder.requests.completion import Completion, Unusable, explain_unusable, read_completion, stated_usage
from builder.requests.lanes import Bell, Lane, rank_lanes
from builder.requests.ledger import AttemptState, Ledger, Received, Request
from builder.requests.limits import OVERLOADED, Load
from builder.requests.retrying import FIRST_WAIT as _FIRST_WAIT
from builder.requests.retrying import (
    Backoff,
    EndpointOutError,
    NothingUsableError,
    PromptRefusedError,
    RequestRefusedError,
    TryAgain,
    judge_refusal,
)
from builder.requests.transport import ChatTransport, HttpReply, TransportError

# So many different requests refused, and none taken: a prompt in two is refused by no filter (2 ** -10 is one in a thousand).
_MOST_DOUBTED = 10
# Seconds in which another request may still start, whose fate tells whose a refusal is.
_SOON = 0.5
# So many replies in a row that cannot be used are no accident: of an endpoint that fails every second time one in a thousand.
MOST_USELESS = 10
# Seconds for which a proxy may answer in place of an endpoint that served before: it restarts.
_RESTART = 30.0

__all__ = ["ChatTransport", "Completion", "HttpReply", "Sender", "TransportError", "read_completion"]


_NOT_ASKED_FOR = Unusable(worded("not what was asked for"), worded("Check the address and the model."))


@dataclass(slots=True)
class _Flight:
    """A request under way: `held` is what is reserved for its next attempt, if anything is; `last` as in `Sender.send`."""

    request: Request
    held: Ceiling | None
    last: bool

    def ceiling(self, lane: Lane) -> Ceiling:
        return Ceiling(self.request.prompt_ceiling, self.request.completion_ceiling, lane.transport.settings.model)


class _StopWhen(stop_base):
    def __init__(self, condition: Callable[[], bool]) -> None:
        self._condition = condition

    def __call__(self, retry_state: RetryCallState) -> bool:
        return self._condition()


class Sender:
    """Sends requests to one teacher, which may be several endpoints.

    Args:
        transport: the endpoint, or several.
        ledger: gets every attempt before it is sent and every answer before it is read.
        budget: gives or refuses each attempt's ceiling.
        settings: the teacher's; how many attempts a request has at one endpoint.
        random: for jitter.
        now: seconds since the epoch, for Retry-After dates.
        clock: seconds, monotonic, for rates and latencies.
        first_wait: seconds before the second attempt; doubles with each one. None is half a second.
        warn: told in one line, each time, when an endpoint is out for the run or uses more than its request allowed.
        read: from a raw body to what it used; None where it is not what was asked for.
    """

    def __init__(
        self,
        transport: ChatTransport | Sequence[ChatTransport],
        ledger: Ledger,
        budget: Budget,
        settings: Teacher,
        *,
        random: random.Random,
        now: Callable[[], float],
        clock: Callable[[], float] = time.monotonic,
        first_wait: float | None = None,
        warn: Callable[[str], None] = lambda _: None,
        read: Callable[[str], Completion | None] = read_completion,
    ) -> None:
        transports = transport if isinstance(transport, Sequence) else [transport]
        self._bell = Bell()
        self._lanes = [Lane(one, clock, self._bell) for one in transports]
        self._ledger = ledger
        self._budget = budget
        self._max_attempts = settings.max_attempts
        self._backoff = Backoff(random, _FIRST_WAIT if first_wait is None else first_wait)
        self._now = now
        self._clock = clock
        self._warn = warn
        self._read = read
        self._closing = asyncio.Event()
        self._usual_tokens = 1
        self._followed = 0  # answers that are being committed, and whose job goes on with another request

    @property
    def free(self) -> int:
        """How many more requests may be started now; the others would wait for a slot."""
        return max(0, sum(lane.free(self._usual_tokens) for lane in self._lanes) - self._followed)

    @property
    def retrying(self) -> int:
        """Requests between two attempts."""
        return sum(lane.backing_off for lane in self._lanes)

    @property
    def in_flight(self) -> int:
        """Requests that were sent and wait for their answer."""
        return sum(lane.limits.in_flight for lane in self._lanes)

    @property
    def limit(self) -> int:
        """How many requests may be in flight now, at all endpoints that are in use."""
        return sum(int(lane.limits.allowed) for lane in self._lanes if lane.out is None)

    @property
    def out(self) -> dict[str, str]:
        """Endpoints that are out for the run, each with its reason."""
        return {lane.name: lane.out.message for lane in self._lanes if lane.out is not None}

    async def room(self) -> None:
        """Wait until `free` is above 0, or the sender closes."""
        while not self.free and not self._closing.is_set():
            waits = [lane.limits.wait_for_rates(self._usual_tokens) for lane in self._lanes if lane.out is None]
            await self._bell.wait(min((seconds for seconds in waits if seconds > 0), default=math.inf))

    def close(self) -> None:
        """Let what was sent arrive, and send nothing more: requests that wait end with their last error."""
        self._closing.set()
        self._bell.ring()

    def send(self, request: Request, *, first: bool, last: bool = True) -> Coroutine[Any, Any, Received]:
        """Reserve the request's ceiling now; the coroutine sends until a usable reply is in the ledger.

        Args:
            first: the request is new; False sends one of the ledger's again, whose reply was lost.
            last: no other request waits for its reply; with False its slot is kept for that one.

        Returns:
            A coroutine of the reply: usable, or the last unusable one when all attempts gave such. It raises
            PromptRefusedError where the endpoint takes others and not this one, another EndpointError where every endpoint
            refuses, is unreachable or fails after all attempts that make sense, and BudgetReachedError where another attempt
            could exceed the cap.

        Raises:
            BudgetReachedError: the request could exceed a cap.
        """
        lane = self._next_lane(request, []) or self._lanes[0]
        flight = _Flight(request, None, last)
        self._reserve(flight, lane, new_request=first)
        self._usual_tokens = request.reserved_tokens
        lane.queued += 1
        return self._send(flight, lane)

    def _reserve(self, flight: _Flight, lane: Lane, *, new_request: bool = False) -> None:
        ceiling = flight.ceiling(lane)
        self._budget.reserve(ceiling, new_request=new_request)
        flight.held = ceiling

    def _settle(self, flight: _Flight, used: Ceiling) -> None:
        if flight.held is not None:
            self._budget.settle(flight.held, used)
            flight.held = None

    def _next_lane(self, request: Request, tried: Sequence[Lane]) -> Lane | None:
        """The request's next endpoint: by its own order, those that rest last."""
        left = [lane for lane in rank_lanes(self._lanes, request.id) if lane not in tried and lane.out is None]
        return min(left, key=lambda lane: lane.resting, default=None)

    def _others_take_over(self, lane: Lane) -> bool:
        return any(other.out is None and not other.resting for other in self._lanes if other is not lane)

    async def _send(self, flight: _Flight, lane: Lane) -> Received:
        failures: dict[Lane, EndpointError] = {}
        while True:
            try:
                return await self._send_to(lane, flight)
            except EndpointError as error:
                failures[lane] = error
            finally:
                self._settle(flight, Ceiling(0, 0))
            following = self._next_lane(flight.request, list(failures))
            if following is None or self._closing.is_set():
                why = self._nobody_left(failures)
                if isinstance(why, RequestRefusedError) and why.own:
                    received = await self._ledger.refuse(flight.request, why.reply)
                    raise PromptRefusedError(why.message, why.remedy, received)
                raise why
            lane = following
            lane.queued += 1

    async def _send_to(self, lane: Lane, flight: _Flight) -> Received:
        """All attempts at one endpoint; the request is counted in the lane's queue."""
        last: Received | None = None
        given_up = _StopWhen(
            lambda: self._closing.is_set() or ((lane.out is not None or lane.resting) and self._others_take_over(lane))
        )
        retrying = AsyncRetrying(
            retry=retry_if_exception_type(TryAgain),
            stop=stop_any(stop_after_attempt(self._max_attempts), given_up),
            wait=self._backoff.wait,
            sleep=lambda seconds: self._pause(lane, seconds),
            reraise=True,
        )
        try:
            async for attempt in retrying:
                with attempt:
                    last = None  # an attempt that raises leaves no reply behind
                    lane.queued += attempt.retry_state.attempt_number > 1
                    last = await self._attempt(lane, flight)
                    if not (last.usable or explain_unusable(last.reply).final):
                        raise TryAgain("the endpoint answers 200 with something that is no chat completion")
        except RequestRefusedError as error:
            error.own = await self._is_its_own(lane, flight.request, error)
            raise
        except TryAgain as error:
            if last is None:
                attempts = retrying.statistics["attempt_number"]
                if attempts >= self._max_attempts:
                    lane.rest()
                raise EndpointError(
                    worded("{name}: {error} ({attempts} attempts)", name=lane.name, error=error, attempts=attempts),
                    worded("All that was received is kept. Run the same command again when the endpoint answers."),
                ) from None
        assert last is not None
        return last

    async def _attempt(self, lane: Lane, flight: _Flight) -> Received:
        """One attempt: its slot is free once a reply is there, its ceiling is settled once that is committed."""
        request = flight.request
        slot = await lane.enter(request.reserved_tokens, self._closing)
        if slot is None:
            raise TryAgain("not sent, the run is ending")
        used = Ceiling(0, 0)
        load: Load = "other"
        headers: Mapping[str, str] | None = None
        try:
            try:
                if flight.held is None:
                    self._reserve(flight, lane)
                used = flight.held or used  # until it is known: also where the reply is lost
                attempt = await self._ledger.begin(request)
                sent = self._clock()
                try:
                    reply = await lane.transport.post(request.body)
                except TransportError as error:
                    load = "overloaded" if error.timed_out else "other"
                    used = used if error.sent else Ceiling(0, 0)
                    state: AttemptState = "unknown" if error.sent else "failed"
                    await self._ledger.finish(attempt, state, status=None, reply=str(error), served_by=lane.name)
                    raise self._judge_silence(lane, error) from None
                seconds = self._clock() - sent
                headers = reply.headers
                load = "served" if reply.status == 200 else "overloaded" if reply.status in OVERLOADED else "other"
                if reply.status != 200:  # what it means is known before another request may have the slot
                    used = Ceiling(0, 0)
                    await self._keep(attempt, "failed", reply, seconds)
                    raise self._judge(lane, reply)
                # Before the slot is free: a refused request that waits to know whose its refusal is looks at both.
                lane.served = lane.served or (reply.whole and self._read(reply.text) is not None)
                stated = stated_usage(reply.text) if reply.whole else None
                if stated is not None:  # else it is counted at its ceiling, here and in the ledger
                    self._warn_above(lane, used, stated)
                    used = Ceiling(*stated, used.model)
            finally:
                lane.leave(slot, request.reserved_tokens, used.tokens, load, headers)
            self._followed += not flight.last
            try:
                if reply.broke_off:  # it was bought, and what it used is lost with its end
                    await self._ledger.finish(
                        attempt, "unknown", status=200, reply=reply.text, served_by=reply.served_by
                    )
                    raise TryAgain("the connection ended in the middle of a reply")
                received = await self._keep(attempt, "received", reply, seconds, stated)
                self._count_use(lane, received)
                return received
            finally:
                self._followed -= not flight.last
        finally:
            self._settle(flight, used)

    async def _keep(
        self,
        attempt: int,
        state: AttemptState,
        reply: HttpReply,
        seconds: float,
        stated: tuple[int, int] | None = None,
    ) -> Received:
        """Commit a whole answer, or what is kept of one that is too long."""
        return await self._ledger.finish(
            attempt,
            state,
            status=reply.status,
            reply=reply.text,
            usable=state == "received" and reply.whole and self._read(reply.text) is not None,
            usage=stated,
            served_by=reply.served_by,
            length=reply.length,
            sha256=reply.sha256,
            seconds=seconds,
        )

    def _count_use(self, lane: Lane, received: Received) -> None:
        """Note that a reply can be used; put the endpoint out where many in a row cannot."""
        if received.usable:
            lane.useless = 0
            return
        lane.useless_since = lane.useless_since if lane.useless else self._clock()
        lane.useless += 1
        why = explain_unusable(received.reply) if self._read is read_completion else _NOT_ASKED_FOR
        restarting = lane.served and why.passing and self._clock() < lane.useless_since + _RESTART
        if lane.useless >= MOST_USELESS and not restarting:
            error = NothingUsableError(
                worded(
                    "{name}: {useless} replies in a row cannot be used, the last is {what}",
                    name=lane.name,
                    useless=lane.useless,
                    what=why.what,
                ),
                why.remedy,
            )
            self._put_out(lane, error)
            raise error

    async def _is_its_own(self, lane: Lane, request: Request, error: RequestRefusedError) -> bool:
        """Whether a refusal is this request's own, once that is known.

        Raises:
            EndpointOutError: it is every request's.
        """
        member = error.about == "member"
        if error.about == "content" or (lane.served and not member):
            return True
        lane.doubted.add(request.id)
        most = max(_MOST_DOUBTED, lane.transport.settings.concurrency)
        if (member and not lane.served) or len(lane.doubted) >= most:
            kind = NothingUsableError if lane.served else EndpointOutError
            out = kind(error.message, error.remedy)
            self._put_out(lane, out)
            raise out
        if lane.served:
            return True
        lane.backing_off += 1
        self._bell.ring()
        try:
            alone_at = self._clock() + _SOON
            while not lane.served and lane.out is None and not self._closing.is_set() and self._clock() < alone_at:
                await self._bell.wait(_SOON)
                if lane.limits.in_flight or lane.queued:
                    alone_at = self._clock() + _SOON
        finally:
            lane.backing_off -= 1
            self._bell.ring()
        if lane.out is not None:
            raise lane.out
        # The last job of a run that goes on has nothing beside it: that the endpoint took others is in the ledger.
        return lane.served or (len(lane.doubted) == 1 and self._ledger.served(lane.name))

    def _warn_above(self, lane: Lane, ceiling: Ceiling, stated: tuple[int, int]) -> None:
        if stated[0] > ceiling.prompt_tokens or stated[1] > ceiling.completion_tokens:
            self._warn(
                f"{lane.name} states more tokens than its request allowed; they count as stated, so that a cap can be overrun "
                "by as much"
            )

    def _judge(self, lane: Lane, reply: HttpReply) -> Exception:
        error = judge_refusal(reply, lane.transport.settings, self._now)
        if isinstance(error, EndpointOutError):
            self._put_out(lane, error)
        return error

    def _judge_silence(self, lane: Lane, error: TransportError) -> Exception:
        """A refused connection is tried again only where no other endpoint is left."""
        if not error.refused or not any(other.out is None for other in self._lanes if other is not lane):
            return TryAgain(str(error))
        out = EndpointOutError(f"{lane.name}: {error}", worded("Start it, or take it out of teacher.endpoints."))
        self._put_out(lane, out)
        return out

    def _put_out(self, lane: Lane, error: EndpointOutError) -> None:
        if lane.out is None:
            lane.out = error
            if len(self._lanes) > 1:
                self._warn(f"out for this run: {error.message}")
            self._bell.ring()

    def _nobody_left(self, failures: Mapping[Lane, EndpointError]) -> EndpointError:
        if len(self._lanes) == 1:
            return failures[self._lanes[0]]
        causes = [failures.get(lane) or lane.out for lane in self._lanes]
        lines = "\n".join(f"  - {cause.message}" for cause in causes if cause is not None)
        said = f"no endpoint takes the request:\n{lines}"
        remedy = worded("All that was received is kept. Run the same command again when one of them answers.")
        out = [cause for cause in causes if isinstance(cause, EndpointOutError)]
        if len(out) == len(causes):
            kind = NothingUsableError if any(isinstance(cause, NothingUsableError) for cause in out) else EndpointError
            return kind(said, " ".join(dict.fromkeys(cause.remedy for cause in out)))
        refusals = [cause for cause in causes if isinstance(cause, RequestRefusedError)]
        if refusals and all(isinstance(cause, RequestRefusedError | EndpointOutError) for cause in causes):
            own = next((refusal for refusal in refusals if refusal.own), refusals[0])
            error = RequestRefusedError(said, remedy, own.about, own.reply)
            error.own = own.own
            return error
        return EndpointError(said, remedy)

    async def _pause(self, lane: Lane, seconds: float) -> None:
        lane.backing_off += 1
        self._bell.ring()
        try:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), seconds)
        finally:
            lane.backing_off -= 1
            self._bell.ring()
