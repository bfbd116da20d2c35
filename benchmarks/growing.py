"""Growing: requests per second beside the bare client, admission beside `rouge_score`, whole rows, and memory.

python -m benchmarks.growing           about five minutes on two cores
python -m benchmarks.growing --quick   about one minute, smaller pools and fewer requests
"""

import argparse
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median

from rouge_score import rouge_scorer

from benchmarks.growing_apis import Pace, Processing, bare_client, grow_rows, read_bodies, serving, write_replies
from benchmarks.instructions import Instructions
from builder.generation.novelty_index import NoveltyIndex
from builder.text import Thresholds, tokenise

THRESHOLD = 0.7
LATENCY = 0.2
CONCURRENCY = 64
_PAIRS = 2_000


def throughput(requests: int, rounds: int, tasks: int) -> None:
    """Requests per second of a build and of the bare client, alternated against one server in its own process.

    The first build warms both up; the bare client sends the bodies of that build.
    """
    with tempfile.TemporaryDirectory() as folder:
        replies, warm = Path(folder) / "replies.json", Path(folder) / "warm"
        write_replies(replies, requests, tasks)
        ours: list[Pace] = []
        bare: list[Pace] = []
        with serving(LATENCY, replies) as address:
            grow_rows(warm, address, requests, CONCURRENCY, tasks)
            bodies, admitted = read_bodies(warm)
            for i in range(rounds):
                ours.append(grow_rows(Path(folder) / str(i), address, requests, CONCURRENCY, tasks))
                bare.append(bare_client(address, bodies, requests, CONCURRENCY))
    paces = [median(pace.per_second for pace in found) for found in (ours, bare)]
    cpu = [median(pace.cpu_ms for pace in found) for found in (ours, bare)]
    ratios = [a.per_second / b.per_second for a, b in zip(ours, bare, strict=True)]
    print(
        f"  {tasks} task{'s' * (tasks > 1)} a request ({admitted:.0%} admitted)   "
        f"seedbed {paces[0]:6.1f}/s, {cpu[0]:5.2f} ms CPU   openai client {paces[1]:6.1f}/s, {cpu[1]:5.2f} ms CPU   "
        f"ratio {paces[0] / paces[1]:.2f} (rounds {min(ratios):.2f} to {max(ratios):.2f})   "
        f"{paces[0] * tasks * admitted:,.0f} rows/s",
        flush=True,
    )


def novelty(pools: list[int], candidates: int) -> None:
    """Milliseconds of CPU for one candidate's novelty: tokenise, look for a match, add where there is none."""
    texts = Instructions(random.Random(2))
    per_pair = rouge_seconds_per_pair(Instructions(random.Random(3)), _PAIRS)
    index, size = NoveltyIndex(Thresholds(THRESHOLD, THRESHOLD)), 0
    print(f"novelty of one candidate, CPU, one core; rouge_score's scan extrapolated from {_PAIRS:,} pairs")
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
        print(f"  {pool:7,} rows  {ours:7.3f} ms   rouge_score {rouge:9,.0f} ms   {rouge / ours:9,.0f} x", flush=True)


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
    """Milliseconds of CPU for one candidate's admission, and for one admitted row; in turns, so that noise meets both pools."""
    with tempfile.TemporaryDirectory() as folder:
        made = [Processing(Path(folder) / f"{pool}.sqlite", pool, THRESHOLD) for pool in pools]
        costs = list(zip(*([one.measure(replies) for one in made] for _ in range(5)), strict=True))
        for processing in made:
            processing.close()
    print("admission of one candidate (rules, filters, novelty; aim: 0.5 ms), its signals, and all of one admitted row")
    print(
        "(request and reply into the ledger, parsing, signals, admission; aim: at most 2 times the small pool's), CPU"
    )
    signals = [median(cost.signals for cost in found) for found in costs]
    candidates = [median(cost.candidate - cost.signals for cost in found) for found in costs]
    rows = [median(cost.row for cost in found) for found in costs]
    for pool, candidate, measured, row in zip(pools, candidates, signals, rows, strict=True):
        print(
            f"  {pool:7,} rows  {candidate:7.3f} ms a candidate   {measured:7.3f} ms its signals   {row:7.3f} ms a row   "
            f"ratio {row / rows[0]:.2f}"
        )


def memory(pools: list[int]) -> None:
    """Peak memory of a process that admits so many rows, beside one that only imports; two processes at a time."""
    print(
        "peak memory: the novelty index alone, and all that growing holds of the rows (samples, signals, tasks, index)"
    )
    kinds = [("index", 0), *((kind, pool) for pool in pools for kind in ("index", "growth"))]
    with ThreadPoolExecutor(2) as two:
        peaks = two.map(lambda one: _peak_of(*one), kinds)
        empty = next(peaks)
        for (kind, pool), peak in zip(kinds[1:], peaks, strict=True):
            size = (peak - empty) / pool
            print(f"  {pool:7,} rows  {kind:6}  {peak / 2**20:6.0f} MB   {size:6,.0f} bytes a row", flush=True)


def _peak_of(kind: str, pool: int) -> int:
    """Bytes at the peak of a process of its own."""
    measured = subprocess.run(
        [sys.executable, "-m", "benchmarks.growing", "--only-memory", kind, str(pool)],
        check=True,
        stdout=subprocess.PIPE,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    return int(measured.stdout)


def only_memory(kind: str, pool: int) -> None:
    """Admit rows until `pool` are in; print the peak of this process in bytes."""
    with tempfile.TemporaryDirectory() as folder:
        if kind == "growth":
            Processing(Path(folder) / "ledger.sqlite", pool, THRESHOLD).close()
        else:
            texts, index, size = Instructions(random.Random(4)), NoveltyIndex(Thresholds(THRESHOLD, THRESHOLD)), 0
            while len(index) < pool:
                size += _admit(index, size, texts.next())
    # The process's own: what getrusage gives has the parent's in it.
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"))
    assert found is not None
    print(int(found[1]) * 1024)


def statistics(count: int) -> None:
    """Print what the made-up texts are like."""
    texts = Instructions(random.Random(1))
    drawn = [texts.next() for _ in range(count)]
    answers = [texts.answer(i % 2 == 1) for i in range(count)]
    for name, place in (("English", 0), ("Chinese", 1)):
        figures = []
        for what in (drawn, answers):
            sizes = sorted(len(tokenise(text)) for text in what[place::2])
            figures.append(f"{sizes[len(sizes) // 20]}, {median(sizes):.0f}, {sizes[-len(sizes) // 20]}")
        print(f"  {name}: tokens of an instruction at 5, 50, 95 %: {figures[0]}; of an answer: {figures[1]}")


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="about one minute")
    parser.add_argument("--part", choices=["novelty", "rows", "memory", "throughput"], help="one part alone")
    parser.add_argument("--only-memory", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.only_memory is not None:
        only_memory(arguments.only_memory[0], int(arguments.only_memory[1]))
        return
    quick = arguments.quick
    pools = [1_000, 10_000 if quick else 50_000]

    def throughputs() -> None:
        print(f"requests/s, {CONCURRENCY} in flight, {LATENCY:g} s latency, ledger, parsing and admission included")
        print("(from the first to the last tenth, by the server's count; aim: a ratio of 0.9)")
        throughput(500 if quick else 1_500, 2 if quick else 5, 1)
        throughput(200 if quick else 600, 1 if quick else 3, 8)

    parts: dict[str, Callable[[], None]] = {
        "novelty": lambda: novelty(pools, 1_000 if quick else 4_000),
        "rows": lambda: whole_rows(pools, 20 if quick else 40),
        "memory": lambda: memory([10_000] if quick else [50_000, 200_000]),
        "throughput": throughputs,
    }
    print("texts: half English, half Chinese, Zipf words")
    statistics(10_000)
    for name, part in parts.items():
        if arguments.part in (None, name):
            part()


if __name__ == "__main__":
    main()
