"""Sending requests as batches so that nothing paid is lost: the ledger and the budget around `builder.requests.batch`.

begin     every attempt and the batch's name, in one commit
submit    file and batch to the endpoint, then its id into the ledger; after a kill it is found again by its name
poll      until it has ended; any later process can (`collect_open`)
settle    every answer into the ledger: received, failed and asked again, or unknown where the output lacks it
"""

import asyncio
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from builder.config import Teacher
from builder.errors import BudgetReachedError, EndpointError
from builder.language.messages import worded
from builder.requests.batch import (
    MOST_BYTES,
    MOST_REQUESTS,
    Batches,
    FailedBatchError,
    RefusedError,
    Seen,
    pauses,
    write_lines,
)
from builder.requests.budget import Budget, Ceiling
from builder.requests.completion import explain_unusable, read_completion, stated_usage
from builder.requests.ledger import Ledger, Received, Request, SentBatch
from builder.requests.retrying import NothingUsableError, RequestRefusedError, TryAgain, judge_refusal
from builder.requests.sender import MOST_USELESS
from builder.requests.transport import HttpReply

# What is said of a batch where a build is stopped.
GOES_ON = "goes on at the endpoint; the same command collects it"


@dataclass(frozen=True, slots=True)
class _Settled:
    """How one attempt ended.

    Attributes:
        received: what was bought, or None.
        used: tokens of the prompt and of the reply; None counts at the ceiling.
        reply: None where the output lacks it.
    """

    received: Received | None
    used: tuple[int, int] | None
    reply: HttpReply | None


class BatchSender:
    """Sends requests as batches, one after the other.

    Args:
        batches: the endpoint's.
        ledger: gets every attempt before it is sent and every answer before it is read.
        budget: gives or refuses each attempt's ceiling.
        settings: the teacher's; how many attempts a request has.
        now: seconds since the epoch.
        sleep: waits so many seconds.
    """

    def __init__(
        self,
        batches: Batches,
        ledger: Ledger,
        budget: Budget,
        settings: Teacher,
        *,
        now: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._batches = batches
        self._ledger = ledger
        self._budget = budget
        self._settings = settings
        self._now = now
        self._sleep = sleep
        self._added: list[Request] = []
        self._bytes = 0
        self._sent: SentBatch | None = None
        self._pauses = pauses()
        self._pause = 0.0
        self._attempts: Counter[str] = Counter()
        self._useless = 0  # replies in a row, whole batches, that cannot be used

    @property
    def sent(self) -> SentBatch | None:
        """The batch that is under way."""
        return self._sent

    @property
    def seen(self) -> Seen:
        """What the endpoint last said of it."""
        return self._batches.seen

    def add(self, request: Request, *, first: bool) -> bool:
        """Put a request into the next batch and reserve its ceiling.

        Args:
            first: it was not sent by an earlier run.

        Returns:
            False where the batch is full, or the budget has no room for it beside the others.

        Raises:
            BudgetReachedError: it would be the batch's first, and could exceed a cap.
        """
        size = len(write_lines({request.id: request.body}))
        if self._added and (len(self._added) >= MOST_REQUESTS or self._bytes + size > MOST_BYTES):
            return False
        try:
            self._budget.reserve(self._ceiling(request), new_request=first and not self._attempts[request.id])
        except BudgetReachedError:
            if self._added:
                return False
            raise
        self._added.append(request)
        self._bytes += size
        return True

    async def submit(self) -> None:
        """Send what was added as one batch.

        Raises:
            EndpointError: the endpoint refuses it, or does not answer; it may be there then, and the next run goes on with it.
        """
        requests, self._added, self._bytes = self._added, [], 0
        self._batches.seen = Seen()
        self._sent = await self._ledger.begin_batch(requests, _run_name(self._ledger), self._now())
        try:
            self._sent = await _submit(self._sent, self._batches, self._ledger)
        except RefusedError as error:
            await self._take_back(error)
        self._pauses, self._pause = pauses(), 0.0

    async def poll(self) -> dict[str, Received] | None:
        """Look at the batch, after a while where it was looked at before.

        Returns:
            None while it runs. Then the replies by request, a refusal of just that request among them; a request without
            one is to be added again.

        Raises:
            EndpointError: the batch failed, none of its requests was taken and one was refused, one has had all its attempts,
                no reply of this batch and those before can be used, or the endpoint does not answer. What was received is
                in the ledger.
        """
        sent = self._sent
        assert sent is not None
        assert sent.id is not None
        await self._sleep(self._pause)
        self._pause = next(self._pauses)
        try:
            replies = await self._batches.collect(sent.id)
        except FailedBatchError as error:
            await self._take_back(error)
        if replies is None:
            return None
        settled = await _settle(sent, replies, self._ledger)
        self._sent = None
        for request in sent.waiting.values():
            one, ceiling = settled[request.id], self._ceiling(request)
            self._budget.settle(ceiling, ceiling if one.used is None else Ceiling(*one.used, ceiling.model))
        return await self._judge(settled, sent)

    async def _take_back(self, error: EndpointError) -> None:
        """Nothing of the batch was bought: all its attempts failed."""
        assert self._sent is not None
        for request in self._sent.waiting.values():
            self._budget.settle(self._ceiling(request), Ceiling(0, 0, self._settings.model))
        await _fail(self._sent, error, self._ledger)
        self._sent = None
        raise error

    async def _judge(self, settled: Mapping[str, _Settled], sent: SentBatch) -> dict[str, Received]:
        """The replies that count; the first request that has had all its attempts, or that no other outdid, ends the run."""
        requests = {request.id: request for request in sent.waiting.values()}
        taken = any(one.received is not None and one.received.usable for one in settled.values())
        others = taken or (len(settled) == 1 and self._ledger.served(self._batches.where))
        replies: dict[str, Received] = {}
        failure: EndpointError | None = None
        for request, one in settled.items():
            self._attempts[request] += 1
            last = self._attempts[request] >= self._settings.max_attempts
            if one.received is not None:
                if one.received.usable or last or explain_unusable(one.received.reply).final:
                    replies[request] = one.received
                continue
            why: Exception = TryAgain("the batch's output lacks it")
            if one.reply is not None:
                why = judge_refusal(one.reply, self._settings, self._now)
            if isinstance(why, RequestRefusedError) and (others or why.about == "content"):
                replies[request] = await self._ledger.refuse(requests[request], why.reply)
            elif isinstance(why, EndpointError):
                failure = failure or why
            elif last:
                failure = failure or EndpointError(
                    worded(
                        "{where}: request {request}: {why} ({attempts} attempts)",
                        where=self._batches.where,
                        request=request,
                        why=why,
                        attempts=self._attempts[request],
                    ),
                    worded("All that was received is kept. Run the same command again when the endpoint answers."),
                )
        failure = failure or self._count_useless(settled, taken)
        if failure is not None:
            raise failure
        return replies

    def _count_useless(self, settled: Mapping[str, _Settled], taken: bool) -> NothingUsableError | None:
        """The end of a run whose replies cannot be used, in a row as if they had come one by one."""
        useless = [one.received for one in settled.values() if one.received is not None and not one.received.usable]
        self._useless = 0 if taken else self._useless + len(useless)
        if self._useless < MOST_USELESS or not useless:
            return None
        why = explain_unusable(useless[-1].reply)
        return NothingUsableError(
            worded(
                "{where}: {useless} replies in a row cannot be used, the last is {what}",
                where=self._batches.where,
                useless=self._useless,
                what=why.what,
            ),
            why.remedy,
        )

    def _ceiling(self, request: Request) -> Ceiling:
        return Ceiling(request.prompt_ceiling, request.completion_ceiling, self._settings.model)


async def collect_open(
    batches: Batches,
    ledger: Ledger,
    *,
    abandon: bool,
    show: Callable[[Seen], None],
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Bring the batches that an earlier process began to their end, so that every reply of theirs is in the ledger.

    Args:
        abandon: end them early; a batch that the endpoint no longer knows counts at its ceiling.
        show: told what is under way, at each look.

    Raises:
        EndpointError: a batch failed, or the endpoint refuses or does not answer.
    """
    for begun in ledger.open_batches():
        sent = begun
        try:
            if not abandon:
                sent = await _submit(begun, batches, ledger)
            elif begun.id is None:
                found = await batches.find(begun.name)
                if found is None:
                    await _fail(begun, "the batch was never made", ledger)
                    continue
                sent = await ledger.name_batch(begun, found)
            assert sent.id is not None
            if abandon and await batches.collect(sent.id) is None:
                await batches.cancel(sent.id)
            waits = pauses()
            while (replies := await batches.collect(sent.id)) is None:
                show(batches.seen)
                await sleep(next(waits))
        except FailedBatchError as error:
            await _fail(sent, error, ledger)
            if not abandon:
                raise
        except RefusedError as error:
            if not abandon or error.status != 404:
                raise
            if sent.id is None:  # no Batch API there: it was never made
                await _fail(sent, error, ledger)
            else:
                await _settle(sent, {}, ledger)
        else:
            await _settle(sent, replies, ledger)


def describe(sent: SentBatch) -> str:
    """A batch in words, such as `batch batch_abc with 64 requests`."""
    return f"{f'batch {sent.id}' if sent.id else 'a batch'} with {len(sent.waiting)} requests"


async def _submit(sent: SentBatch, batches: Batches, ledger: Ledger) -> SentBatch:
    """Send a batch that was begun, unless it is there already, and commit its id."""
    if sent.id is not None:
        return sent
    bodies = {request.id: request.body for request in sent.waiting.values()}
    return await ledger.name_batch(sent, await batches.submit(bodies, sent.name))


async def _settle(sent: SentBatch, replies: Mapping[str, HttpReply], ledger: Ledger) -> dict[str, _Settled]:
    """Commit every answer; a request without one may have been bought."""
    attempts = sent.waiting.items()
    ended = await asyncio.gather(*(_finish(attempt, replies.get(r.id), ledger) for attempt, r in attempts))
    return {request.id: one for (_, request), one in zip(attempts, ended, strict=True)}


async def _finish(attempt: int, reply: HttpReply | None, ledger: Ledger) -> _Settled:
    if reply is None:
        await ledger.finish(attempt, "unknown", status=None, reply="the batch's output lacks it")
        return _Settled(None, None, None)
    if reply.status != 200:
        await ledger.finish(attempt, "failed", status=reply.status, reply=reply.text, served_by=reply.served_by)
        return _Settled(None, (0, 0), reply)
    usage = stated_usage(reply.text)
    received = await ledger.finish(
        attempt,
        "received",
        status=200,
        reply=reply.text,
        usable=read_completion(reply.text) is not None,
        usage=usage,
        served_by=reply.served_by,
    )
    return _Settled(received, usage, reply)


async def _fail(sent: SentBatch, why: object, ledger: Ledger) -> None:
    """Commit that nothing of a batch was bought."""
    await asyncio.gather(*(ledger.finish(attempt, "failed", status=None, reply=str(why)) for attempt in sent.waiting))


def _run_name(ledger: Ledger) -> str:
    """What tells this dataset's batches from others' with equal settings at the same account; made once."""
    name = ledger.read_meta("run")
    if name is None:
        name = uuid.uuid4().hex
        ledger.write_meta("run", name)
    return name
