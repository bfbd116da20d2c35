"""A process that may die of a foreign file in the place of ours: libraries that read whole formats keep no cap on all that they do.

    apart = Apart(Path("builder/documents/apart.py"))
    apart.ask({"path": "a.pdf", …}, memory=2**29, seconds=60)  →  what the script answered, or Died("more memory"), Died("SIGSEGV")

The script calls `serve`, which takes a request a line and answers each with a line; both are JSON. One process serves all requests,
and a new one is started after one that died. It costs a start, half a second, where there is a file that needs it.
"""

import atexit
import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Died:
    """It gave no answer.

    Attributes:
        of: `memory`, `time`, or the signal or exit code with which it ended.
    """

    of: str


class Apart:
    """Another process, started for the first request.

    Args:
        script: that calls `serve`; what it imports of ours costs its start.
        environment: variables that it is given besides ours.
    """

    def __init__(self, script: Path, environment: Mapping[str, str] | None = None) -> None:
        self._script = script
        self._environment = dict(environment or {})
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        atexit.register(self.close)

    def ask(self, request: Mapping[str, Any], *, memory: int, seconds: int) -> dict[str, Any] | Died:
        """What it answers.

        Args:
            memory: bytes that it may take beside what it has when it is asked.
            seconds: of its processor's time.
        """
        with self._lock:
            try:
                process = self._started()
            except OSError as error:
                return Died(f"it cannot be started: {error.strerror}")
            assert process.stdin is not None
            assert process.stdout is not None
            try:
                process.stdin.write(json.dumps({"request": request, "limits": [memory, seconds]}).encode() + b"\n")
                process.stdin.flush()
                signal.siginterrupt(signal.SIGINT, True)  # Polars has a read go on in spite of Ctrl-C
                answer = process.stdout.readline()
            except BrokenPipeError:
                answer = b""
            except BaseException:
                self._end()  # an answer that nobody waits for would be taken for the next one
                raise
            if answer.endswith(b"\n"):
                found: dict[str, Any] = json.loads(answer)
                return Died("memory") if found == _NO_MEMORY else found
            code = self._end()
            if code == -signal.SIGXCPU:
                return Died("time")
            return Died(signal.Signals(-code).name if code < 0 else f"exit code {code}")

    def _started(self) -> "subprocess.Popen[bytes]":
        if self._process is not None and self._process.poll() is None:
            return self._process
        self._end()
        # -P and no empty entry: a pypdf.py in the folder that one stands in is a file like any other.
        places = os.pathsep.join(place for place in sys.path if place)
        self._process = subprocess.Popen(
            [sys.executable, "-P", str(self._script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"PYTHONPATH": places, "MALLOC_ARENA_MAX": "1"} | self._environment,
        )
        return self._process

    def _end(self) -> int:
        process, self._process = self._process, None
        if process is None:
            return 0
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.2)  # one that died by itself says of what
        process.kill()
        with contextlib.suppress(OSError):
            process.__exit__(None, None, None)
        return process.returncode

    def close(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.kill()
            self._end()


_NO_MEMORY = {"died": "memory"}


def serve(answer: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Answer requests until there are no more; the process's own output is for answers alone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started this ends it
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    for line in sys.stdin.buffer:
        asked = json.loads(line)
        limit(*asked["limits"])
        try:
            reply = json.dumps(answer(asked["request"])).encode()
        except MemoryError:
            reply = json.dumps(_NO_MEMORY).encode()
        replies.write(reply + b"\n")
        replies.flush()


def _end_with(parent: int) -> None:
    """End in the middle of an answer that nobody waits for, where the process that asked was killed."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


def limit(memory: int, seconds: int) -> None:
    """Let this process take only so much more memory and time, where the system has such limits."""
    try:
        import resource

        pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
        size = pages * os.sysconf("SC_PAGE_SIZE")
        resource.setrlimit(resource.RLIMIT_AS, (size + memory, resource.getrlimit(resource.RLIMIT_AS)[1]))
        used = resource.getrusage(resource.RUSAGE_SELF)
        at_most = int(used.ru_utime + used.ru_stime) + seconds
        resource.setrlimit(resource.RLIMIT_CPU, (at_most, resource.getrlimit(resource.RLIMIT_CPU)[1]))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except (ImportError, OSError, ValueError):
        return
