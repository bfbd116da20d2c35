"""The novelty scan and the split on made-up instructions, beside peers whose decisions are compared.

python -m benchmarks.curating                                about four minutes on two quiet cores
python -m benchmarks.curating --part novelty --count 50000   beside RapidFuzz over all kept rows, the join in SQL and rouge_score
python -m benchmarks.curating --part doublings --count 1000000 --doublings 5
python -m benchmarks.curating --part templates --count 200000
python -m benchmarks.curating --part split --count 1000000
--file alpaca.json reads the instructions of a file in place of made-up ones.

Wall and processor seconds: where others use the machine, the processor's, and the ratio to the peer beside, say more.
"""

import argparse
import json
import math
import random
import resource
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

import duckdb
import numpy as np
import pyarrow as pa
from rapidfuzz import process
from rapidfuzz.distance import LCSseq
from rouge_score import rouge_scorer

from benchmarks.instructions import Instructions
from builder.config import Execution, Split
from builder.cores import usable_cores
from builder.curation.novelty.scanning import scan_columns
from builder.curation.split import split_columns
from builder.similarity import admissible_lengths, least_lcs, rouge_l
from builder.text import Thresholds, tokenise

R = TypeVar("R")

THRESHOLD = 0.7
THRESHOLDS = Thresholds(THRESHOLD, THRESHOLD)
# Of rows: the share in one frame of 12 tokens, and the most tokens of their own after it.
_KINDS: dict[str, tuple[float, int | None]] = {
    "ordinary": (0.0, None),
    "frame, 1 to 4 more": (0.1, 4),
    "frame and 10 more": (0.1, None),
}


def instructions(count: int, kind: str = "ordinary") -> list[str]:
    """So many made-up instructions."""
    source = Instructions(random.Random(0), *_KINDS[kind])
    return [source.next() for _ in range(count)]


def columns(texts: list[str]) -> pa.Table:
    """Rows as the scan and the split take them, each a task of its own."""
    numbers = range(len(texts))
    return pa.table(
        {
            "row": pa.array(numbers, pa.int64()),
            "text": pa.array(texts, pa.large_string()),
            "group": pa.array([str(number) for number in numbers], pa.large_string()),
            "exempt": pa.array(np.zeros(len(texts), dtype=bool)),
            "category": pa.array([f"category {number % 18}" for number in numbers]),
            "language": pa.array(["en" if text.isascii() else "zh" for text in texts]),
        }
    )


def timed(work: Callable[[], R]) -> tuple[R, float, float]:
    """What the work gives, its wall seconds and its processor seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    result = work()
    return result, time.perf_counter() - wall, time.process_time() - cpu


def ours(texts: list[str], workers: int) -> list[int]:
    """The rows that the scan keeps, tokenising included."""
    dropped = np.asarray(scan_columns(columns(texts), THRESHOLDS, Execution(workers=workers))["row"])
    kept: list[int] = np.setdiff1d(np.arange(len(texts)), dropped).tolist()
    return kept


def brute_force(texts: list[str]) -> list[int]:
    """The rows that RapidFuzz over all kept rows keeps, one after the other, with `rouge_score`'s decision on ties."""
    codes: dict[str, str] = {}
    kept: list[int] = []
    strings: list[str] = []
    lengths = np.zeros(len(texts), dtype=np.int64)
    for row, text in enumerate(texts):
        string = "".join(codes.setdefault(token, chr(0x10000 + len(codes))) for token in tokenise(text))
        if string and kept:
            common = process.cdist([string], strings, scorer=LCSseq.similarity, dtype=np.int32)[0]
            theirs = lengths[: len(kept)]
            least = np.array([least_lcs(len(string), n, THRESHOLD) or 1 << 30 for n in range(int(theirs.max()) + 1)])
            if (common >= least[theirs]).any():
                continue
        lengths[len(kept)] = len(string)
        kept.append(row)
        strings.append(string)
    return kept


def plain_sql(texts: list[str], workers: int) -> list[int]:
    """The rows that a join in SQL keeps: every two occurrences of a prefix are a key, and RapidFuzz compares the pairs."""
    known: dict[tuple[str, ...], int] = {}
    for row, text in enumerate(texts):
        known.setdefault(tuple(tokenise(text)), row)
    sequences, first = list(known), list(known.values())
    prefix = _prefixes(sequences)
    database = duckdb.connect(config={"threads": workers})
    database.register("prefix", prefix)
    pairs = database.sql(
        f"""
        WITH keys AS (
            SELECT a.row, a.word AS v, b.word AS w, a.size,
                floor({2 / THRESHOLD!r} * (a.size - b.place + 2) + 1e-9) - a.size AS reach
            FROM prefix a JOIN prefix b ON a.row = b.row AND a.place < b.place
        )
        SELECT DISTINCT x.row AS row, y.row AS other
        FROM keys x JOIN keys y ON x.v = y.v AND x.w = y.w AND x.row > y.row
        WHERE y.size <= x.reach AND x.size <= y.reach
        """
    ).to_arrow_table()
    codes: dict[str, str] = {}
    strings = [
        "".join(codes.setdefault(token, chr(0x10000 + len(codes))) for token in sequence) for sequence in sequences
    ]
    some, others = pairs["row"].to_pylist(), pairs["other"].to_pylist()
    queries, choices = [strings[row] for row in some], [strings[row] for row in others]
    common = process.cpdist(queries, choices, scorer=LCSseq.similarity, dtype=np.int32, workers=workers)
    near = defaultdict(list)
    for row, other, lcs in zip(some, others, common.tolist(), strict=True):
        if rouge_l(lcs, len(strings[row]), len(strings[other])) > THRESHOLD:
            near[row].append(other)
    kept: set[int] = set()
    for number in range(len(sequences)):
        if not any(other in kept for other in near[number]):
            kept.add(number)
    silent = {row for row, text in enumerate(texts) if not tokenise(text)}  # close to nothing
    return sorted({first[number] for number in kept} | silent)


def _prefixes(sequences: list[tuple[str, ...]]) -> pa.Table:
    """The rarest occurrences of each sequence: row, place from 1, word, size; sequences of one token have none."""
    frequency = Counter(token for sequence in sequences for token in sequence)
    found: list[tuple[int, int, str, int]] = []
    for row, sequence in enumerate(sequences):
        seen: Counter[str] = Counter()
        occurrences = []
        for token in sequence:
            seen[token] += 1
            occurrences.append((frequency[token], token, seen[token]))
        shortest, _ = admissible_lengths(len(sequence), THRESHOLD) if sequence else (0, 0)
        fewest = least_lcs(len(sequence), shortest, THRESHOLD) or 1 if sequence else 1
        for place, (_, token, nth) in enumerate(sorted(occurrences)[: len(sequence) - fewest + 2], 1):
            found.append((row, place, f"{token} {nth}", len(sequence)))
    rows, places, words, sizes = (list(column) for column in zip(*found, strict=True))
    return pa.table({"row": rows, "place": places, "word": pa.array(words).dictionary_encode().indices, "size": sizes})


def rouge_seconds_per_pair(texts: list[str], pairs: int) -> float:
    """Processor seconds for one `rouge_score` comparison, over neighbouring rows."""
    scorer = rouge_scorer.RougeScorer(["rougeL"], use_stemmer=False)
    started = time.process_time()
    for a, b in list(pairwise(texts))[:pairs]:
        scorer.score(a, b)
    return (time.process_time() - started) / min(pairs, len(texts) - 1)


def rouge_agrees(texts: list[str], count: int) -> bool:
    """Whether the scan decides about some texts as `rouge_score` does, each of them against each kept one before it."""
    scorer = rouge_scorer.RougeScorer(["rougeL"], tokenizer=_Tokenizer())
    some = texts[:count]
    kept: list[str] = []
    for text in some:
        if not any(scorer.score(other, text)["rougeL"].fmeasure > THRESHOLD for other in kept):
            kept.append(text)
    return kept == [some[row] for row in ours(some, 1)]


class _Tokenizer:
    """Our tokens for `rouge_score`, whose own tokenizer drops Chinese."""

    def tokenize(self, text: str) -> list[str]:
        return tokenise(text)


def statistics(texts: list[str]) -> None:
    """Print what the corpus is like, so that it can be held against real ones."""
    for language in ("en", "zh"):
        sequences = [tokenise(text) for text in texts if text.isascii() == (language == "en")][:1_000]
        if not sequences:
            continue
        sizes = np.array([len(sequence) for sequence in sequences])
        counts = Counter(token for sequence in sequences for token in sequence)
        shares = [count / counts.total() for _, count in counts.most_common()]
        opened = Counter(tuple(sequence[:3]) for sequence in sequences)
        ranks = " ".join(f"{shares[rank - 1]:.4f}" for rank in (1, 2, 10, 100, 1_000) if rank <= len(shares))
        print(
            f"  {language}, {len(sequences):,} rows: tokens 5/50/95 % {np.percentile(sizes, (5, 50, 95)).astype(int)}, "
            f"{len(counts):,} different, share at rank 1, 2, 10, 100, 1,000 {ranks}; "
            f"{sum(count for count in opened.values() if count > 1) / len(sequences):.0%} share their first three"
        )


def novelty(texts: list[str], workers: int) -> None:
    """The scan beside its peers."""
    print(f"{len(texts):,} instructions, ROUGE-L > {THRESHOLD}, {workers} workers, tokenising included")
    statistics(texts)
    ours(texts[:2_000], workers)  # what is loaded on the first call
    kept, seconds, cpu = timed(lambda: ours(texts, workers))
    print(f"  {'seedbed':26} {seconds:8.2f} s  {cpu:8.2f} s CPU            {len(kept):,} kept", flush=True)
    peers = {
        "the join in SQL (DuckDB)": lambda: plain_sql(texts, workers),
        "RapidFuzz, all kept rows": lambda: brute_force(texts),
    }
    for name, peer in peers.items():
        judged, peer_seconds, peer_cpu = timed(peer)
        print(
            f"  {name:26} {peer_seconds:8.2f} s  {peer_cpu:8.2f} s CPU  {peer_cpu / cpu:6.1f} x CPU  same rows kept: {judged == kept}",
            flush=True,
        )
    rouge = rouge_seconds_per_pair(texts, 2_000) * len(kept) * len(texts) / 2
    print(f"  {'rouge_score, from 2,000 pairs':35} {rouge:,.0f} s CPU  {rouge / cpu:,.0f} x CPU", end="  ")
    print(f"same rows kept of the first 600: {rouge_agrees(texts, 600)}")


def doublings(count: int, times: int, workers: int) -> None:
    """The scan of ever more rows, with the exponent of its growth and the memory; the texts are in the memory too."""
    texts = instructions(count)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"doublings to {count:,} rows; the texts take {memory:.2f} GB by themselves")
    statistics(texts)
    ours(texts[:2_000], workers)
    counts, costs = [count >> (times - turn) for turn in range(times + 1)], []
    for part in counts:
        kept, seconds, cpu = timed(lambda part=part: ours(texts[:part], workers))  # type: ignore[misc]
        costs.append(cpu)
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        print(
            f"  {part:9,} rows  {seconds:7.2f} s  {cpu:7.2f} s CPU  {len(kept):9,} kept  {memory:5.2f} GB at most",
            flush=True,
        )
    exponent = np.polyfit(np.log(counts), np.log(costs), 1)[0]
    print(
        f"  processor seconds grow as rows to the power of {exponent:.2f}; the last doubling {math.log2(costs[-1] / costs[-2]):.2f}"
    )


def templates(count: int, workers: int) -> None:
    """Rows of which a tenth share a frame of 12 tokens beside ordinary ones."""
    print(f"{count:,} rows, a tenth in one frame of 12 tokens")
    ordinary = 0.0
    for kind in _KINDS:
        texts = instructions(count, kind)
        ours(texts[:2_000], workers)
        kept, seconds, cpu = timed(lambda texts=texts: ours(texts, workers))  # type: ignore[misc]
        ordinary = ordinary or cpu
        print(
            f"  {kind:22} {seconds:7.2f} s  {cpu:7.2f} s CPU  {cpu / ordinary:5.2f} x  {len(kept):,} kept", flush=True
        )


def split(count: int, workers: int) -> None:
    """The validation rows of what the scan keeps of many."""
    rows = columns(instructions(count))
    dropped = np.asarray(scan_columns(rows, THRESHOLDS, Execution(workers=workers))["row"])
    rows = rows.filter(pa.array(~np.isin(np.arange(count), dropped)))
    result, seconds, cpu = timed(
        lambda: split_columns(rows, Split(validation_share=0.01), 0, Execution(workers=workers))
    )
    sides = Counter(result.sides["split"].to_pylist())
    print(
        f"split of {len(rows):,} rows, 1 % wanted: {seconds:.2f} s, {cpu:.2f} s CPU; {dict(sides)}, {result.moved:,} too close"
    )


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", choices=["novelty", "doublings", "templates", "split"])
    parser.add_argument("--file", type=Path, help="a JSON list of objects with an instruction, for the part novelty")
    parser.add_argument("--count", type=int)
    parser.add_argument("--doublings", type=int, default=5)
    parser.add_argument("--workers", type=int, default=usable_cores())
    arguments = parser.parse_args()
    if arguments.part is None:
        # Each in a process of its own: the memory is that of the part.
        for part in ("novelty", "doublings", "templates", "split"):
            command = [sys.executable, "-m", "benchmarks.curating", "--part", part, "--workers", str(arguments.workers)]
            subprocess.run(command, check=True)
        return
    if arguments.part == "novelty":
        rows = json.loads(arguments.file.read_text(encoding="utf-8")) if arguments.file else None
        count = arguments.count or 50_000
        novelty([row["instruction"] for row in rows] if rows else instructions(count), arguments.workers)
    elif arguments.part == "doublings":
        doublings(arguments.count or 1_000_000, arguments.doublings, arguments.workers)
    else:
        work = {"templates": templates, "split": split}[arguments.part]
        work(arguments.count or {"templates": 50_000}.get(arguments.part, 1_000_000), arguments.workers)


if __name__ == "__main__":
    main()
