"""Imports of large and of hostile files: rows a second, and the most memory of each, in a process of its own.

python -m benchmarks.imports                      200,000 rows in every container, beside reading the same file whole
python -m benchmarks.imports --rows 1000000       as many rows as asked
python -m benchmarks.imports --hostile            files of 2 GB, one after the other in --folder
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.alpaca_rows import AlpacaRows
from builder.errors import InputFileError
from builder.formats.containers.spreadsheet import write_xlsx
from builder.formats.containers.table import write_csv
from builder.formats.importing import open_samples
from builder.progress import Reporter

_GB = 10**9
_COLUMNS = ("instruction", "input", "output", "category")
_ROW = (
    b'{"instruction": "Name a deep lake.", "input": "", "output": "' + b"The water is forty metres deep. " * 30 + b'"}'
)


def peak_mib() -> float:
    """The most memory that this process has taken (VmHWM), in MiB."""
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024


def read_as_import(path: Path) -> str:
    """Read a file as `seedbed curate` does; what came of it."""
    start = time.perf_counter()
    try:
        files = open_samples([path], reporter=Reporter(quiet=True))
        count = sum(1 for _ in files.samples(note=lambda problem: None))
    except InputFileError as error:
        return error.message.removeprefix(f"{path.parent}/")
    return f"{count:,} samples, {count / (time.perf_counter() - start):,.0f} a second"


def read_whole(path: Path) -> str:
    """Read JSON or JSON Lines into a list, as a script of a few lines would."""
    start = time.perf_counter()
    with path.open(encoding="utf-8") as file:
        rows = json.load(file) if path.suffix == ".json" else [json.loads(line) for line in file]
    return f"{len(rows):,} rows in a list, {len(rows) / (time.perf_counter() - start):,.0f} a second"


READERS: Mapping[str, Callable[[Path], str]] = {"import": read_as_import, "whole": read_whole}


def measure(reader: str, path: Path) -> None:
    """Print what one reader makes of a file in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.imports", "--read", reader, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    told = done.stdout.strip() or f"ended with {done.returncode}: {done.stderr.strip()[-200:]}"
    print(f"{path.name:14} {path.stat().st_size / 1e6:9,.0f} MB  {reader:7} {told}", flush=True)


def ordinary(folder: Path, count: int) -> None:
    """The same rows in every container."""
    made = AlpacaRows(random.Random(0))
    rows = [made.next() for _ in range(count)]
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    (folder / "rows.jsonl").write_text("\n".join(lines), encoding="utf-8")
    (folder / "rows.json").write_text("[" + ",\n".join(lines) + "]", encoding="utf-8")
    cells = [[row[column] for column in _COLUMNS] for row in rows]
    with (folder / "rows.csv").open("w", encoding="utf-8", newline="") as text:
        write_csv(text, _COLUMNS, cells)
    pq.write_table(pa.Table.from_pylist(rows), folder / "rows.parquet")
    with (folder / "rows.xlsx").open("wb") as file:
        write_xlsx(file, _COLUMNS, cells)
    del made, rows, lines, cells
    for suffix in ("jsonl", "json", "csv", "parquet", "xlsx"):
        measure("import", folder / f"rows.{suffix}")
    for suffix in ("jsonl", "json"):
        measure("whole", folder / f"rows.{suffix}")


def hostile(folder: Path) -> None:
    """Files of 2 GB that are one row, one document or one open quote; holes in a file take no room on the disk."""

    def fill(file: BinaryIO, data: bytes, size: int) -> None:
        at_once = data * (2**20 // len(data) + 1)
        for _ in range(size // len(at_once)):
            file.write(at_once)

    def line(file: BinaryIO) -> None:
        file.write(_ROW + b"\n")
        file.truncate(2 * _GB)

    def array(file: BinaryIO) -> None:
        file.write(b"[")
        fill(file, _ROW + b",\n", 2 * _GB)
        file.write(_ROW + b"]")

    def lines(file: BinaryIO) -> None:
        fill(file, _ROW + b"\n", 2 * _GB)

    def text(file: BinaryIO) -> None:
        file.write(b'[{"instruction": "')
        fill(file, b"deep ", 2 * _GB)
        file.write(b'"}]')

    def lists(file: BinaryIO) -> None:
        file.write(b'[{"instruction": [')
        fill(file, b"[],", 2 * _GB)
        file.write(b"0]}]")

    def quote(file: BinaryIO) -> None:
        file.write(b'instruction,output\n"')
        fill(file, b"never closed,\n", _GB)

    makers = {"line.jsonl": line, "rows.jsonl": lines, "array.json": array, "text.json": text, "lists.json": lists}
    for name, make in (makers | {"quote.csv": quote}).items():
        path = folder / name
        with path.open("wb") as file:
            make(file)
        measure("import", path)
        path.unlink()


def main() -> None:
    """Make the files, read each apart, print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--hostile", action="store_true")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--read", nargs=2, metavar=("READER", "FILE"), help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.read:
        told = READERS[chosen.read[0]](Path(chosen.read[1]))
        print(f"{peak_mib():6,.0f} MiB at most: {told}")
        return
    with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
        if chosen.hostile:
            hostile(Path(folder))
        else:
            ordinary(Path(folder), chosen.rows)


if __name__ == "__main__":
    main()
