"""How a build reaches its teacher: requests one by one or as batches, and the batches that an earlier run left under way."""

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Callable, Mapping

from builder.config import Settings
from builder.generation.batch_flight import BatchFlight
from builder.generation.chat_flight import ChatFlight
from builder.generation.flight import Flight
from builder.generation.grow import OpenFlight
from builder.generation.jobs import Jobs
from builder.language.messages import worded
from builder.progress import Reporter
from builder.requests.batch import Batches, Seen
from builder.requests.batch_sender import GOES_ON, BatchSender, collect_open, describe
from builder.requests.budget import Budget
from builder.requests.ledger import Ledger
from builder.requests.sender import Sender
from builder.teachers import TEACHERS, connect_batches


def flights(
    settings: Settings, ledger: Ledger, budget: Budget, environ: Mapping[str, str], warn: Callable[[str], None]
) -> OpenFlight:
    """Opens the way of sending that the settings ask for.

    Args:
        warn: told in one line, once, when an endpoint is out for the run or uses more than its request allowed.
    """
    teacher = settings.teacher
    told: set[str] = set()

    def warn_once(line: str) -> None:
        if line not in told:
            told.add(line)
            warn(line)

    @contextlib.asynccontextmanager
    async def chat(jobs: Jobs) -> AsyncIterator[Flight]:
        async with TEACHERS[teacher.provider](teacher, environ) as client:
            sender = Sender(
                client, ledger, budget, teacher, random=random.Random(settings.seed), now=time.time, warn=warn_once
            )
            yield ChatFlight(jobs, sender, budget)

    @contextlib.asynccontextmanager
    async def batch(jobs: Jobs) -> AsyncIterator[Flight]:
        async with _batches(settings, environ) as batches:
            sender = BatchSender(batches, ledger, budget, teacher, now=time.time)
            yield BatchFlight(jobs, sender, settings.growth.window)

    return batch if teacher.send == "batch" else chat


def collect_batches(settings: Settings, ledger: Ledger, environ: Mapping[str, str], reporter: Reporter) -> None:
    """Bring the batches that an earlier run left under way to their end; with `teacher.send: chat` they are ended early.

    Raises:
        EndpointError: a batch failed, or the endpoint refuses or does not answer.
        KeyboardInterrupt: asked to stop; the batches go on at the endpoint.
    """
    left = ledger.open_batches()
    if not left:
        return
    abandon = settings.teacher.send == "chat"
    what = "is ended early, since teacher.send is chat" if abandon else "was left under way and is collected"

    async def collect(show: Callable[[Seen], None]) -> None:
        async with _batches(settings, environ) as batches:
            await collect_open(batches, ledger, abandon=abandon, show=show)

    try:
        for sent in left:
            reporter.say(f"{describe(sent)} {what}")
        with reporter.step(worded("Collecting")) as step:
            asyncio.run(collect(lambda seen: step.set(seen.done, seen.status)))
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"{describe(left[0])} {GOES_ON}") from None


@contextlib.asynccontextmanager
async def _batches(settings: Settings, environ: Mapping[str, str]) -> AsyncIterator[Batches]:
    async with connect_batches(settings.teacher, environ) as client:
        yield Batches(client, random=random.Random(settings.seed), now=time.time)
