"""Kills builds at random points and shows that nothing is lost and nothing is bought twice.

    python -m benchmarks.soak                   200 kills, half of them with ordered admission
    python -m benchmarks.soak --kills 20

The teacher runs in a process of its own and counts what it serves. After the last kill the build is finished and compared:
ordered rows with an undisturbed run, others with the ledger's replay; replies received with replies served and sent.
"""

import argparse
import contextlib
import json
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from builder import pipeline
from builder.errors import SeedbedError
from builder.progress import Reporter
from builder.requests.ledger_file import is_begun
from builder.requests.spending import read_spending
from builder.settings_file import load_settings
from builder.store.dataset_folder import DatasetFolder

_LATENCY = 0.03  # seconds a reply takes, so that kills find requests in flight
_SETTINGS = ("growth.tasks_per_request=4", "growth.window=8", "teacher.concurrency=4", "split.min_validation_rows=0")
_KILL_POINTS = ("request", "commit", "parse", "publish")


@dataclass(frozen=True, slots=True)
class Soaked:
    """What a soak found.

    Attributes:
        kills: by the point they were aimed at.
        received, served, sent: replies in the ledger, completions the teacher sent, attempts in the ledger.
        bought_again: requests with more than one usable reply.
        same_rows: whether the rows are those of the undisturbed run or of the replay.
        problems: what `verify` finds.
    """

    kills: dict[str, int]
    received: int
    served: int
    sent: int
    bought_again: int
    same_rows: bool
    problems: int

    @property
    def sound(self) -> bool:
        """Whether everything promised was seen."""
        return (
            self.same_rows and not self.bought_again and not self.problems and self.received <= self.served <= self.sent
        )


@contextlib.contextmanager
def teacher(latency: float = _LATENCY) -> Iterator[str]:
    """`seedbed teacher serve` in a process of its own; yields its address without /v1."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "builder", "teacher", "serve", "--port", str(port)]
    command += ["--faults", f"latency={latency}"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        address = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"{address}/stats").close()
                break
            time.sleep(0.02)
        try:
            yield address
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()


def soak(
    root: Path, kills: int, *, ordered: bool, rng: random.Random, say: Callable[[str], None] = lambda _: None
) -> Soaked:
    """Build into `root`, killing the process `kills` times, each time with a somewhat higher target."""
    counts = dict.fromkeys(_KILL_POINTS, 0)
    target = 20
    with teacher() as address:
        base = (
            "teacher.provider=openai",
            "teacher.model=seedbed-procedural",
            f"teacher.base_url={address}/v1",
            f"growth.ordered={str(ordered).lower()}",
        )
        while (done := sum(counts.values())) < kills:
            point = rng.choice(_KILL_POINTS)
            target += rng.randint(4, 12)
            # A build that had ended before the kill came does not count; the next one has more to do.
            counts[point] += _kill_once(root / "soaked", target, base, point, rng)
            say(f"{'ordered' if ordered else 'as they arrive'}: kill {done + 1} of {kills}")
        _build(root / "soaked", target, base)
        served = json.loads(urllib.request.urlopen(f"{address}/stats").read())["served"]
        if ordered:
            _build(root / "undisturbed", target, ("growth.ordered=true",))
            other = root / "undisturbed"
        else:
            (root / "replay").mkdir()
            shutil.copy(root / "soaked" / "ledger.sqlite", root / "replay")
            _build(root / "replay", target, base)
            other = root / "replay"
    status = pipeline.status(root / "soaked")
    return Soaked(
        kills=counts,
        received=status["received"],
        served=served,
        sent=status["attempts"],
        bought_again=status["received"] - status["requests"],
        same_rows=_rows(root / "soaked") == _rows(other),
        problems=len(pipeline.verify(root / "soaked")),
    )


def _build(root: Path, target: int, overrides: tuple[str, ...]) -> None:
    settings = load_settings(None, [*_SETTINGS, *overrides, f"target={target}"], {})
    pipeline.build(settings, root, Reporter(quiet=True), {})


def _rows(root: Path) -> object:
    return DatasetFolder(root).samples_table().to_pylist()


def _kill_once(root: Path, target: int, overrides: tuple[str, ...], point: str, rng: random.Random) -> bool:
    """Start a build and kill it near `point`; False where it had ended by itself."""
    command = [sys.executable, "-m", "builder", "build", "-q", "--target", str(target), "--out", str(root)]
    for override in (*_SETTINGS, *overrides):
        command += ["--set", override]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        before = _attempts(root)
        while process.poll() is None and not _reached(root, point, before):
            time.sleep(0.005)
        time.sleep(rng.uniform(0, {"request": 0.02, "commit": 0.05, "parse": 0.1, "publish": 0.15}[point]))
        process.send_signal(signal.SIGKILL)
    return process.returncode == -signal.SIGKILL


def _reached(root: Path, point: str, attempts_before: int) -> bool:
    if point == "publish":
        # The manifest is removed when a build starts and comes last; parts appear once growing is over.
        return (root / "seedbed.yaml").exists() and any((root / "samples").glob(".part-*.tmp"))
    return _attempts(root) > attempts_before


def _attempts(root: Path) -> int:
    ledger = root / "ledger.sqlite"
    try:
        return read_spending(ledger).attempts if is_begun(ledger) else 0
    except (SeedbedError, OSError):
        return 0


def main() -> None:
    """Run and print; exit code 1 where a promise was broken."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    sound = True
    for ordered in (True, False):
        with tempfile.TemporaryDirectory() as folder:
            result = soak(
                Path(folder),
                arguments.kills // 2,
                ordered=ordered,
                rng=random.Random(f"{arguments.seed}/{ordered}"),
                say=lambda text: print(f"\r{text}   ", end="", file=sys.stderr, flush=True),
            )
        aimed = ", ".join(f"{point} {count}" for point, count in result.kills.items())
        print(f"\n{'ordered' if ordered else 'as they arrive'}: {sum(result.kills.values())} kills ({aimed})")
        print(f"  received {result.received} <= served {result.served} <= sent {result.sent}")
        print(f"  bought again {result.bought_again}, same rows {result.same_rows}, problems {result.problems}")
        sound &= result.sound
    sys.exit(0 if sound else 1)


if __name__ == "__main__":
    main()
