"""Run a function over partitions: in this process, in local processes, or on a Ray cluster.

The only place that knows where work runs. Results come in the order of the partitions, whichever finishes first, and no more
than a few are waiting, so that memory does not grow with their number.
"""

import importlib.util
import multiprocessing
import os
import signal
import traceback
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any, Generic, TypeVar

from builder.config import Execution
from builder.errors import SeedbedError, UsageError, WorkerLostError

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


def run(function: Callable[[P], R], partitions: Sequence[P], execution: Execution) -> Generator[R, None, None]:
    """Apply a function to each partition.

    A single partition, or a single worker, runs in this process. Close the iterator (`contextlib.closing`) where it may be
    left early: that ends the workers.

    Args:
        function: importable by name in another process, or a `functools.partial` of such a one; what it is given and
            returns must be picklable. Large arguments that all partitions share belong in the partial: they travel once
            to each worker.
        partitions: what to apply it to.
        execution: where, and with how many workers.

    Yields:
        One result for each partition, in their order.

    Raises:
        SeedbedError: what the function raised, or `WorkerLostError` where a worker was killed.
        RuntimeError: any other exception of the function, with the worker's traceback.
    """
    if execution.engine == "ray":
        yield from _run_on_ray(function, partitions, execution.workers)
        return
    workers = min(execution.workers or len(os.sched_getaffinity(0)), len(partitions))
    if workers <= 1:
        yield from map(function, partitions)
    else:
        yield from _run_in_processes(function, partitions, workers)


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
            f"a worker process ended while it worked on a partition ({how})",
            "Memory is the usual cause: lower execution.workers or execution.partition_rows, and run the command again.",
        )

    def stop(self) -> None:
        self.connection.close()
        self._process.terminate()
        self._process.join(_GRACE)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self._process.close()


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
        crew += [_Worker(function) for _ in range(workers)]
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


def _run_on_ray(function: Callable[[P], R], partitions: Sequence[P], workers: int | None) -> Generator[R, None, None]:
    if importlib.util.find_spec("ray") is None:
        raise UsageError("execution.engine: ray, but Ray is not installed", "pip install 'seedbed[ray]'")
    import ray

    cluster: Any = ray

    if not cluster.is_initialized():
        cluster.init(include_dashboard=False, log_to_driver=False)  # $RAY_ADDRESS names the cluster, else this machine
    shared = cluster.put(function)
    attempt = cluster.remote(_attempt)
    at_once = _AHEAD * (workers or max(1, int(cluster.cluster_resources().get("CPU", 1))))
    waiting = [attempt.remote(shared, partition) for partition in partitions[:at_once]]
    try:
        for due in range(len(partitions)):
            outcome = cluster.get(waiting.pop(0))
            if due + at_once < len(partitions):
                waiting.append(attempt.remote(shared, partitions[due + at_once]))
            yield _value(outcome)
    except cluster.exceptions.RayError as error:
        raise WorkerLostError(
            f"Ray lost a partition: {str(error).splitlines()[0]}",
            "Memory is the usual cause: lower execution.partition_rows, and run the command again.",
        ) from error
    finally:
        for reference in waiting:
            cluster.cancel(reference)
