"""Run a function over partitions: in this process, in local processes, or on a Ray cluster; and hold what is asked many times.

The only place that knows where work runs. Results come in the order of the partitions, whichever finishes first, and no more
than a few are waiting, so that memory does not grow with their number.
"""

import importlib.util
import math
import multiprocessing
import signal
import threading
import traceback
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from typing import Any, Generic, Protocol, TypeVar

from builder.config import Execution
from builder.cores import usable_cores
from builder.errors import SeedbedError, UsageError, WorkerLostError
from builder.language.messages import worded

P = TypeVar("P")
R = TypeVar("R")

# Partitions handed out beyond the one whose result is due, for each worker: enough that none waits for a slow first one.
_AHEAD = 3
# Seconds a worker that was told to end has before it is killed.
_GRACE = 2.0


@dataclass(frozen=True, slots=True)
class _Result(Generic[R]):
    value: R


@dataclass(frozen=True, slots=True)
class _Failure:
    """An exception as text, since not every exception survives the way between processes."""

    kind: type[SeedbedError] | None
    message: str
    remedy: str


def run(
    function: Callable[[P], R],
    partitions: Sequence[P],
    execution: Execution,
    *,
    pack: Callable[[P], P] | None = None,
) -> Generator[R, None, None]:
    """Apply a function to each partition.

    A single partition, or a single worker, runs in this process. Close the iterator (`contextlib.closing`) where it may be
    left early: that ends the workers.

    Args:
        function: importable by name in another process, or a `functools.partial` of such a one; what it is given and
            returns must be picklable. Large arguments that all partitions share belong in the partial: they travel once
            to each worker.
        partitions: what to apply it to.
        execution: where, and with how many workers.
        pack: puts into a partition what another machine needs of this one's files; called for the few that are on their way
            to a cluster.

    Yields:
        One result for each partition, in their order.

    Raises:
        SeedbedError: what the function raised, or `WorkerLostError` where a worker was killed.
        RuntimeError: any other exception of the function, with the worker's traceback.
    """
    if execution.engine == "ray":
        yield from _run_on_ray(function, partitions, execution.workers, pack)
        return
    workers = min(execution.workers or usable_cores(), len(partitions))
    if workers <= 1:
        yield from map(function, partitions)
    else:
        yield from _run_in_processes(function, partitions, workers)


def even_rows(rows: int, execution: Execution) -> int:
    """How many rows to put in a partition, at most `partition_rows`, so that all workers of this machine have as many.

    50,000 rows in partitions of 10,000 keep one of two workers waiting for a fifth of the time.
    """
    if rows <= execution.partition_rows or execution.engine == "ray":
        return execution.partition_rows
    workers = execution.workers or usable_cores()
    each = math.ceil(rows / (workers * execution.partition_rows))
    return math.ceil(rows / (workers * each))


def _attempt(function: Callable[[P], R], partition: P) -> _Result[R] | _Failure:
    try:
        return _Result(function(partition))
    except SeedbedError as error:
        return _Failure(type(error), error.message, error.remedy)
    except Exception:
        return _Failure(None, traceback.format_exc(), "")


def _value(outcome: _Result[R] | _Failure) -> R:
    if isinstance(outcome, _Result):
        return outcome.value
    if outcome.kind is None:
        raise RuntimeError(f"a worker failed\n{outcome.message}")
    error = outcome.kind.__new__(outcome.kind)  # subclasses take other arguments
    SeedbedError.__init__(error, outcome.message, outcome.remedy)
    raise error


class _Worker:
    """A process that answers each partition with its outcome; at most one is in flight."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        # Not fork: a forked child of a process with threads (Polars, Arrow) can hang on their locks.
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, function), daemon=True)
        resource_tracker.ensure_running()  # its first start lets signals through again that are held back
        with _interrupts_wait():
            self._process.start()
        theirs.close()
        self.place = -1

    def give(self, place: int, partition: Any) -> None:
        self.place = place
        try:
            self.connection.send(partition)
        except OSError:
            raise self._lost() from None

    def take(self) -> Any:
        try:
            return self.connection.recv()
        except (EOFError, OSError):
            raise self._lost() from None

    def _lost(self) -> WorkerLostError:
        self._process.join(_GRACE)
        code = self._process.exitcode
        how = signal.Signals(-code).name if code is not None and code < 0 else f"exit code {code}"
        return WorkerLostError(
            worded("a worker process ended while it worked on a partition ({how})", how=how),
            worded(
                "Memory is the usual cause: lower execution.workers or execution.partition_rows, and run the "
                "command again."
            ),
        )

    def stop(self) -> None:
        self.connection.close()
        self._process.terminate()
        self._process.join(_GRACE)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self._process.close()


@contextmanager
def _interrupts_wait() -> Iterator[None]:
    """Let Ctrl-C wait until the block ends: a process that it meets half started prints what it died of.

    What is started meanwhile inherits that the signal is held back, and never sees it.
    """
    came: list[int] = []
    main = threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGINT, lambda number, _: came.append(number)) if main else None
    held_back = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, held_back)
        if main:
            signal.signal(signal.SIGINT, before)
        if came:
            signal.raise_signal(signal.SIGINT)


def _serve(connection: Connection, function: Callable[[Any], Any]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent ends its workers
    try:
        while True:
            connection.send(_attempt(function, connection.recv()))
    except (EOFError, OSError):
        return  # the parent is gone


def _run_in_processes(function: Callable[[P], R], partitions: Sequence[P], workers: int) -> Generator[R, None, None]:
    crew: list[_Worker] = []
    try:
        for _ in range(workers):
            crew.append(_Worker(function))
        idle, busy = list(crew), dict[Any, _Worker]()
        done: dict[int, R] = {}
        handed = 0
        for due in range(len(partitions)):
            while due not in done:
                while idle and handed < min(len(partitions), due + _AHEAD * workers):
                    worker = idle.pop()
                    worker.give(handed, partitions[handed])
                    busy[worker.connection] = worker
                    handed += 1
                for ready in wait(list(busy)):
                    worker = busy.pop(ready)
                    done[worker.place] = _value(worker.take())
                    idle.append(worker)
            yield done.pop(due)
    finally:
        for worker in crew:
            worker.stop()


def _run_on_ray(
    function: Callable[[P], R], partitions: Sequence[P], workers: int | None, pack: Callable[[P], P] | None
) -> Generator[R, None, None]:
    ray = _cluster()
    shared = ray.put(function)
    attempt = ray.remote(_attempt)
    at_once = _AHEAD * _workers_on_ray(ray, workers)
    ready = iter(partitions if pack is None else map(pack, partitions))
    waiting = [attempt.remote(shared, partition) for partition in islice(ready, at_once)]
    try:
        while waiting:
            outcome = ray.get(waiting.pop(0))
            waiting += [attempt.remote(shared, partition) for partition in islice(ready, 1)]
            yield _value(outcome)
    except ray.exceptions.RayError as error:
        raise WorkerLostError(
            worded("Ray lost a partition: {splitlines}", splitlines=str(error).splitlines()[0]),
            worded("Memory is the usual cause: lower execution.partition_rows, and run the command again."),
        ) from error
    finally:
        for reference in waiting:
            ray.cancel(reference)


def _cluster() -> Any:
    """Ray, connected."""
    if importlib.util.find_spec("ray") is None:
        raise UsageError(
            worded("execution.engine: ray, but Ray is not installed"), worded("pip install 'seedbed[ray]'")
        )
    import ray

    cluster: Any = ray
    if not cluster.is_initialized():
        cluster.init(include_dashboard=False, log_to_driver=False)  # $RAY_ADDRESS names the cluster, else this machine
    return cluster


def _workers_on_ray(ray: Any, workers: int | None) -> int:
    return workers or max(1, int(ray.cluster_resources().get("CPU", 1)))


class Shards(Protocol):
    """Objects of one class, each with a part of what is too large for one; they keep it from one call to the next."""

    def __len__(self) -> int: ...

    def call(self, method: str, *arguments: Any) -> list[Any]:
        """Call a method of each object with the same arguments; the results in the objects' order."""

    def exchange(self, give: str, take: str, *arguments: Any) -> list[Any]:
        """Pass something from each object to each: what goes from one to another does not come here.

        Args:
            give: a method that takes the arguments and returns a list with a parcel for each object.
            take: a method that takes the parcels for its object, in the order of the givers.

        Returns:
            What `take` returned, in the objects' order.
        """


@contextmanager
def shards(factory: Callable[[int, int], object], execution: Execution) -> Iterator[Shards]:
    """Make objects that hold parts: one for each worker, in this process with a thread each, or on Ray an actor each.

    Args:
        factory: gives the object of a number, from 0, of so many; on Ray it travels once to each node, and NumPy arrays in it
            are shared by the actors there, not to be written to.
        execution: where, and how many.

    Raises:
        WorkerLostError: while they are in use, where an actor or what it passed on was lost.
        RuntimeError: any exception of a method on Ray, with the worker's traceback.
    """
    if execution.engine == "ray":
        ray = _cluster()
        on_ray = _ShardsOnRay(ray, factory, _workers_on_ray(ray, execution.workers))
        try:
            yield on_ray
        finally:
            on_ray.end()
        return
    count = execution.workers or usable_cores()
    with ThreadPoolExecutor(count) as pool:
        yield _ShardsHere([factory(number, count) for number in range(count)], pool)


class _ShardsHere:
    def __init__(self, held: Sequence[object], pool: ThreadPoolExecutor) -> None:
        self._held, self._pool = held, pool

    def __len__(self) -> int:
        return len(self._held)

    def call(self, method: str, *arguments: Any) -> list[Any]:
        return list(self._pool.map(lambda one: getattr(one, method)(*arguments), self._held))

    def exchange(self, give: str, take: str, *arguments: Any) -> list[Any]:
        parcels = zip(*self.call(give, *arguments), strict=True)
        return list(self._pool.map(lambda one, own: getattr(one, take)(*own), self._held, parcels))


class _Held:
    """What an actor holds."""

    def __init__(self, factory: Callable[[int, int], object], number: int, count: int) -> None:
        self._held = factory(number, count)

    def ask(self, method: str, *arguments: Any) -> Any:
        return getattr(self._held, method)(*arguments)


class _ShardsOnRay:
    """Actors, spread over the nodes; none waits for a core, so that more of them than cores work too."""

    def __init__(self, ray: Any, factory: Callable[[int, int], object], count: int) -> None:
        self._ray = ray
        shared = ray.put(factory)
        actor = ray.remote(num_cpus=0, scheduling_strategy="SPREAD")(_Held)
        self._actors = [actor.remote(shared, number, count) for number in range(count)]

    def __len__(self) -> int:
        return len(self._actors)

    def call(self, method: str, *arguments: Any) -> list[Any]:
        shared = [self._ray.put(argument) for argument in arguments]
        return self._results([actor.ask.remote(method, *shared) for actor in self._actors])

    def exchange(self, give: str, take: str, *arguments: Any) -> list[Any]:
        shared = [self._ray.put(argument) for argument in arguments]
        if len(self) == 1:
            [parcels] = self.call(give, *arguments)
            return self.call(take, *parcels)
        given = [actor.ask.options(num_returns=len(self)).remote(give, *shared) for actor in self._actors]
        return self._results(
            [actor.ask.remote(take, *own) for actor, own in zip(self._actors, zip(*given, strict=True), strict=True)]
        )

    def end(self) -> None:
        for actor in self._actors:
            self._ray.kill(actor)

    def _results(self, references: list[Any]) -> list[Any]:
        try:
            return list(self._ray.get(references))
        except self._ray.exceptions.RayTaskError as error:
            raise RuntimeError(f"a worker failed\n{error}") from None
        except self._ray.exceptions.RayError as error:
            raise WorkerLostError(
                worded("Ray lost a worker of the novelty scan: {splitlines}", splitlines=str(error).splitlines()[0]),
                worded("Memory is the usual cause: give the cluster more of it, and run the command again."),
            ) from error
