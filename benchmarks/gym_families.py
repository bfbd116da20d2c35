"""Which families of reasoning-gym the procedural recipe can use: measured, not assumed.

    python -m benchmarks.gym_families [--items 100]

Draws items the way `builder.procedural.gym` does, in two processes with different hash seeds and in opposite orders, and prints
one line for each family with the cause for which it is left out, if any:

    no answer      items without a reference answer, or with one that does not score 1.0 by the family's own score_answer
    slow           more than 250 ms of processor time an item on average, or more than 60 s in all
    repeats        more than 15 % of the questions come twice
    unstable       the two processes disagree: the items depend on hashing or on what was drawn before
    error          the family raises
"""

import argparse
import contextlib
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

from builder.procedural.gym import draw

SLOW_MS = 250.0  # a tenth of what a chat request commonly takes
REPEATS = 0.15  # repeats are never admitted twice; more of them waste draws
LIMIT_SECONDS = 60


def main() -> None:
    """Measure all families and print what is left out and why."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=100)
    parser.add_argument("--families", nargs="*", help="only these")
    parser.add_argument("--one-pass", choices=["forward", "backward"], help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one_pass:
        output = sys.stdout
        with contextlib.redirect_stdout(sys.stderr):  # some families print
            measured = measure_all(arguments.items, arguments.families, backward=arguments.one_pass == "backward")
        json.dump(measured, output)
        return
    passes = [_start(arguments.items, arguments.families, direction) for direction in ("forward", "backward")]
    first, second = (json.loads(one.communicate()[0]) for one in passes)
    accepted = 0
    print(f"{'family':28} {'ms/item':>8} {'opening':>8} {'repeats':>8}  left out because")
    for name, measured in sorted(first.items()):
        cause = measured["cause"] or ("unstable" if measured["digest"] != second[name]["digest"] else "")
        accepted += not cause
        print(f"{name:28} {measured['ms']:8.1f} {measured['opening_ms']:8.0f} {measured['repeats']:8.0%}  {cause}")
    print(f"{accepted} of {len(first)} families can be used")


def _start(items: int, families: list[str] | None, direction: str) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "benchmarks.gym_families", "--items", str(items), "--one-pass", direction]
    command += ["--families", *families] if families else []
    environment = {**os.environ, "PYTHONHASHSEED": "1" if direction == "forward" else "2"}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE)


def measure_all(items: int, families: list[str] | None, *, backward: bool) -> dict[str, dict[str, Any]]:
    """Measure some families of the package, or all."""
    from reasoning_gym.factory import DATASETS

    indices = random.Random(0).sample(range(2**31), items)
    return {name: _measure(name, indices, backward=backward) for name in sorted(families or DATASETS, reverse=backward)}


def _measure(name: str, indices: list[int], *, backward: bool) -> dict[str, Any]:
    drawn: dict[int, tuple[str, str]] = {}
    cause, started, opened = "", time.process_time(), time.process_time()
    try:
        with _time_limit(LIMIT_SECONDS):
            draw(name, 0)
            opened = time.process_time()
            for index in reversed(indices) if backward else indices:
                item = draw(name, index)
                if item is None:
                    cause = "no answer that scores 1.0"
                else:
                    drawn[index] = (item.question, item.answer)
    except TimeoutError:
        cause = "slow"
    except Exception as error:
        cause = f"error: {type(error).__name__}: {str(error)[:60]}"
    milliseconds = 1000 * (time.process_time() - opened) / max(1, len(indices))
    repeats = 1 - len({question for question, _ in drawn.values()}) / max(1, len(drawn))
    cause = cause or ("slow" if milliseconds > SLOW_MS else "repeats" if repeats > REPEATS else "")
    digest = hashlib.sha256(json.dumps(sorted(drawn.items())).encode("utf-8", "surrogatepass")).hexdigest()
    return {
        "cause": cause,
        "ms": milliseconds,
        "opening_ms": 1000 * (opened - started),
        "repeats": repeats,
        "digest": digest,
    }


@contextlib.contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    def stop(*_: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


if __name__ == "__main__":
    main()
