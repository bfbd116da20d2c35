"""`seedbed curate` on made-up Alpaca rows, decided again, and `seedbed why`; beside MinHash-LSH over the instructions alone.

python -m benchmarks.curating_rows                         50,000 rows
python -m benchmarks.curating_rows --rows 50000 1000000    and a million; needs 5 GB of disk
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.alpaca_rows import write_rows
from builder.text import tokenise

_PERMUTATIONS, _JACCARD, _GRAM = 128, 0.7, 5


def seedbed(*arguments: str | Path) -> None:
    """One command of ours, in a process of its own: wall seconds, processor seconds of its workers too, its own memory."""
    started = time.perf_counter()
    command = [sys.executable, "-m", "builder", *map(str, arguments)]
    process = os.posix_spawn(
        sys.executable, command, os.environ, file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    )
    _, status, used = os.wait4(process, 0)
    wall, cpu = time.perf_counter() - started, used.ru_utime + used.ru_stime
    if status:
        raise subprocess.CalledProcessError(os.waitstatus_to_exitcode(status), command)
    name = " ".join(str(a.name if isinstance(a, Path) else a) for a in arguments)
    print(f"seedbed {name:66} {wall:8.1f} s  {cpu:8.1f} s CPU  {used.ru_maxrss / 1e6:6.2f} GB at most", flush=True)


def minhash(path: Path) -> None:
    """MinHash-LSH over the instructions: 5-grams of tokens, 128 permutations, each row asked for and inserted in turn."""
    from datasketch import MinHash, MinHashLSH

    started, kept, rows = time.process_time(), 0, 0
    index = MinHashLSH(threshold=_JACCARD, num_perm=_PERMUTATIONS)
    with path.open(encoding="utf-8") as file:
        for rows, line in enumerate(file, 1):
            tokens = tokenise(json.loads(line)["instruction"])
            grams = {" ".join(tokens[i : i + _GRAM]) for i in range(max(1, len(tokens) - _GRAM + 1))}
            signature = MinHash(num_perm=_PERMUTATIONS)
            signature.update_batch([gram.encode() for gram in grams])
            if not index.query(signature):
                index.insert(rows, signature)
                kept += 1
    print(
        f"datasketch MinHash-LSH, instructions alone: {time.process_time() - started:.1f} s CPU, {kept:,} of {rows:,} kept"
    )


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[50_000])
    parser.add_argument("--no-peer", action="store_true", help="leave datasketch out")
    arguments = parser.parse_args()
    for count in arguments.rows:
        with tempfile.TemporaryDirectory() as folder:
            rows, out = Path(folder) / "rows.jsonl", Path(folder) / "dataset"
            write_rows(rows, count)
            print(f"{count:,} rows, {rows.stat().st_size / 1e6:,.0f} MB")
            seedbed("curate", rows, "--out", out, "-q")
            seedbed("curate", out, "--redecide", "-q", "--set", "filters.max_answer_words=300")
            seedbed("curate", out, "--redecide", "-q", "--set", f"target={count // 2}")
            seedbed("why", out, str(count // 2))
            if not arguments.no_peer:
                minhash(rows)


if __name__ == "__main__":
    main()
