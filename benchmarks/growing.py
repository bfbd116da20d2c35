"""Growing: requests per second beside the bare client, admission beside `rouge_score`, whole rows, and memory.

python -m benchmarks.growing           about five minutes on two cores
python -m benchmarks.growing --quick   about one minute, smaller pools and fewer requests
"""

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

from rouge_score import rouge_scorer

from benchmarks.growing_apis import Body, Pace, Processing, bare_client, grow_rows, read_exchange, serving
from benchmarks.instructions import Instructions
from builder.similarity import NoveltyIndex
from builder.text import tokenise

THRESHOLD = 0.7
LATENCY = 0.2
CONCURRENCY = 64


def throughput(requests: int, rounds: int, tasks: int) -> None:
    """Requests per second of a build and of the bare client, alternated against one server.

    The embedded teacher makes each reply, on the same cores; the second server only sends what the first one made.
    """
    print(
        f"requests/s, {CONCURRENCY} in flight, {LATENCY:g} s latency, {tasks} tasks a request, ledger and parsing included"
    )
    with tempfile.TemporaryDirectory() as folder:
        warm, kept = Path(folder) / "warm", Path(folder) / "replies.json"
        with serving(LATENCY) as address:
            grow_rows(warm, address, requests, CONCURRENCY, tasks)
            bodies, replies = read_exchange(warm)
            kept.write_text(json.dumps(replies), encoding="utf-8")
            _alternate("embedded teacher", address, Path(folder) / "e", bodies, requests, 1, tasks)
        with serving(LATENCY, kept) as address:
            _alternate("kept replies", address, Path(folder) / "k", bodies, requests, rounds, tasks)


def _alternate(
    server: str, address: str, root: Path, bodies: Sequence[Body], requests: int, rounds: int, tasks: int
) -> None:
    ours: list[Pace] = []
    bare: list[Pace] = []
    for i in range(rounds):
        ours.append(grow_rows(root / str(i), address, requests, CONCURRENCY, tasks))
        bare.append(bare_client(address, bodies, requests, CONCURRENCY))
    paces = [median(pace.per_second for pace in found) for found in (ours, bare)]
    cpu = [median(pace.cpu_ms for pace in found) for found in (ours, bare)]
    print(
        f"  {server:17} seedbed {paces[0]:6.1f} ({cpu[0]:5.2f} ms CPU each)   openai client {paces[1]:6.1f} ({cpu[1]:5.2f} ms)",
        end="",
    )
    print(f"   ratio {paces[0] / paces[1]:.2f} (aim: 0.9)", flush=True)


def admission(pools: list[int], candidates: int) -> None:
    """Milliseconds of CPU for one candidate: tokenise, look for a match, add where there is none."""
    texts = Instructions(random.Random(2))
    per_pair = rouge_seconds_per_pair(Instructions(random.Random(3)), 2_000)
    index, size = NoveltyIndex(THRESHOLD), 0
    print("admission of one candidate, CPU, one core (aim: 0.5 ms at 50,000 rows)")
    for pool in sorted(pools):
        while len(index) < pool:
            size += _admit(index, size, texts.next())
        drawn = [texts.next() for _ in range(candidates)]
        costs = []
        for part in range(5):
            started = time.process_time()
            for text in drawn[part::5]:
                size += _admit(index, size, text)
            costs.append((time.process_time() - started) / len(drawn[part::5]))
        ours, rouge = median(costs) * 1e3, per_pair * pool * 1e3
        print(f"  {pool:7,} rows  {ours:7.3f} ms   rouge_score's scan {rouge:9,.0f} ms   {rouge / ours:9,.0f} x")


def _admit(index: NoveltyIndex, row: int, text: str) -> bool:
    tokens = tokenise(text)
    if index.match(tokens) is not None:
        return False
    index.add(row, tokens, str(row))
    return True


def rouge_seconds_per_pair(texts: Instructions, pairs: int) -> float:
    """Seconds of CPU for one `rouge_score` comparison, over a sample of pairs."""
    scorer = rouge_scorer.RougeScorer(["rougeL"], use_stemmer=False)
    drawn = [(texts.next(), texts.next()) for _ in range(pairs)]
    started = time.process_time()
    for a, b in drawn:
        scorer.score(a, b)
    return (time.process_time() - started) / pairs


def whole_rows(pools: list[int], replies: int) -> None:
    """Milliseconds of CPU for one admitted row: ledger, parsing, admission; in turns, so that noise meets both pools."""
    with tempfile.TemporaryDirectory() as folder:
        made = [Processing(Path(folder) / f"{pool}.sqlite", pool, THRESHOLD) for pool in pools]
        costs: list[list[float]] = [[] for _ in pools]
        for _ in range(5):
            for processing, cost in zip(made, costs, strict=True):
                cost.append(processing.milliseconds_per_row(replies))
        for processing in made:
            processing.close()
    print("whole processing of one admitted row, CPU (aim: at most 2 times the small pool's)")
    for pool, cost in zip(pools, costs, strict=True):
        print(f"  {pool:7,} rows  {median(cost):7.3f} ms   ratio {median(cost) / median(costs[0]):.2f}")


def memory(pools: list[int]) -> None:
    """Peak memory of a process that admits so many rows, beside one that only imports."""
    print("peak memory of the index (aim: below 300 MB at 50,000 rows, 1 GB at 200,000)")
    for pool in [0, *pools]:
        measured = subprocess.run(
            [sys.executable, "-m", "benchmarks.growing", "--only-memory", str(pool)],
            check=True,
            capture_output=True,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        found = json.loads(measured.stdout)
        print(f"  {pool:7,} rows  {found['peak_mb']:7.0f} MB   {found['seconds']:6.1f} s CPU")


def only_memory(pool: int) -> None:
    """Admit rows until `pool` are in; print the peak of this process."""
    texts, index, size = Instructions(random.Random(4)), NoveltyIndex(THRESHOLD), 0
    started = time.process_time()
    while len(index) < pool:
        size += _admit(index, size, texts.next())
    seconds = time.process_time() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # kilobytes on Linux
    print(json.dumps({"peak_mb": peak, "seconds": seconds}))


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="about one minute")
    parser.add_argument("--part", choices=["throughput", "admission", "rows", "memory"], help="one part alone")
    parser.add_argument("--tasks", type=int, default=1, help="tasks in one request of the throughput part")
    parser.add_argument("--only-memory", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.only_memory is not None:
        only_memory(arguments.only_memory)
        return
    quick = arguments.quick
    parts: dict[str, Callable[[], None]] = {
        "admission": lambda: admission([1_000, 10_000 if quick else 50_000], 1_000 if quick else 4_000),
        "rows": lambda: whole_rows([1_000, 10_000 if quick else 50_000], 20 if quick else 60),
        "memory": lambda: memory([10_000] if quick else [50_000, 200_000]),
        "throughput": lambda: throughput(400 if quick else 2_000, 1 if quick else 3, arguments.tasks),
    }
    for name, part in parts.items():
        if arguments.part in (None, name):
            part()


if __name__ == "__main__":
    main()
