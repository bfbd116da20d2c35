"""The one scan beside RapidFuzz brute force and `rouge_score`, on the same texts, with the decisions compared.

python -m benchmarks.novelty                        20,000 made-up instructions in two languages
python -m benchmarks.novelty --file alpaca.json     the instructions of a file
python -m benchmarks.novelty --file f --rouge all   every decision of rouge_score's own sequential scan (slow)
"""

import argparse
import json
import random
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
from rapidfuzz import process
from rapidfuzz.distance import LCSseq
from rouge_score import rouge_scorer

from builder.similarity import least_lcs, scan
from builder.text import tokenise

THRESHOLD = 0.7


def make_instructions(count: int, rng: random.Random) -> list[str]:
    """Texts with the shape of instructions: Zipf words, 4 to 30 long, a tenth from shared frames, half in Chinese."""
    words = [f"w{i}" for i in range(20_000)]
    characters = [chr(0x4E00 + i) for i in range(3_000)]
    weights = [1 / (rank + 3) for rank in range(len(words))]
    character_weights = weights[: len(characters)]
    frames = [rng.choices(words, weights, k=8) for _ in range(50)]
    texts: list[str] = []
    for i in range(count):
        if i % 2:
            texts.append("".join(rng.choices(characters, character_weights, k=rng.randint(8, 40))))
        else:
            frame = rng.choice(frames) if rng.random() < 0.1 else []
            texts.append(" ".join([*frame, *rng.choices(words, weights, k=rng.randint(4, 30))]))
    return texts


def ours(texts: list[str]) -> list[int]:
    """Rows that the project's scan keeps."""
    rows = list(enumerate(texts))
    dropped = scan(rows, THRESHOLD, text=lambda r: r[1], row=lambda r: r[0], group=lambda r: str(r[0]))
    return [i for i, _ in rows if i not in dropped]


def brute_force(texts: list[str]) -> list[int]:
    """Rows that a scan with RapidFuzz over all kept rows keeps, with `rouge_score`'s decision on ties."""
    codes: dict[str, str] = {}
    kept: list[int] = []
    strings: list[str] = []
    lengths: list[int] = []
    for i, text in enumerate(texts):
        string = "".join(codes.setdefault(token, chr(0x10000 + len(codes))) for token in tokenise(text))
        if string and strings:
            common = process.cdist([string], strings, scorer=LCSseq.similarity, dtype=np.int32)[0]
            needed = [least_lcs(len(string), n, THRESHOLD) if n else None for n in range(max(lengths) + 1)]
            least = np.array([10**6 if value is None else value for value in needed])
            if (common >= least[lengths]).any():
                continue
        kept.append(i)
        strings.append(string)
        lengths.append(len(string))
    return kept


def rouge_scan(texts: list[str]) -> list[int]:
    """Rows that Self-Instruct's own loop keeps: `rouge_score` against every kept row. English only."""
    scorer = rouge_scorer.RougeScorer(["rougeL"], use_stemmer=False)
    kept: list[int] = []
    for i, text in enumerate(texts):
        if not any(scorer.score(texts[j], text)["rougeL"].fmeasure > THRESHOLD for j in kept):
            kept.append(i)
    return kept


def rouge_seconds_per_pair(texts: list[str], pairs: int) -> float:
    """Seconds for one `rouge_score` comparison, over neighbouring rows."""
    scorer = rouge_scorer.RougeScorer(["rougeL"], use_stemmer=False)
    started = time.perf_counter()
    for a, b in list(pairwise(texts))[:pairs]:
        scorer.score(a, b)
    return (time.perf_counter() - started) / min(pairs, len(texts) - 1)


def timed(work: Callable[[list[str]], list[int]], texts: list[str]) -> tuple[list[int], float]:
    """What the work gives, and its seconds."""
    started = time.perf_counter()
    return work(texts), time.perf_counter() - started


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--file", type=Path, help="a JSON list of objects with an instruction")
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--rouge", choices=["sample", "all"], default="sample")
    arguments = parser.parse_args()
    texts = (
        [row["instruction"] for row in json.loads(arguments.file.read_text(encoding="utf-8"))]
        if arguments.file
        else make_instructions(arguments.count, random.Random(0))
    )
    kept, seconds = timed(ours, texts)
    peer, peer_seconds = timed(brute_force, texts)
    print(f"{len(texts):,} instructions, {len(kept):,} kept at ROUGE-L {THRESHOLD}")
    print(f"seedbed                {seconds:8.2f} s")
    print(
        f"rapidfuzz brute force  {peer_seconds:8.2f} s   {peer_seconds / seconds:6.1f} x   same decisions: {peer == kept}"
    )
    if arguments.rouge == "all":
        judged, rouge = timed(rouge_scan, texts)
        print(f"rouge_score, all pairs {rouge:8.2f} s   {rouge / seconds:6.1f} x   same decisions: {judged == kept}")
    else:
        rouge = rouge_seconds_per_pair(texts, 2_000) * len(kept) * len(texts) / 2
        print(f"rouge_score, from a sample of 2,000 pairs {rouge:,.0f} s   {rouge / seconds:,.0f} x")


if __name__ == "__main__":
    main()
