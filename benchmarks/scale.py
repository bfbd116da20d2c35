"""What each stage of curating takes for every row, at several sizes, and what that comes to at a hundred million rows.

python -m benchmarks.scale                                     62,500 to 1,000,000 rows; about half an hour on two quiet cores
python -m benchmarks.scale --count 256000 --doublings 3        32,000 to 256,000 rows, in three minutes

Rows and their texts are made up (`benchmarks.alpaca_rows`). The stages that look at one row at a time are run on an eighth of
the rows. The scan is that of a cluster, with its shards in this process, so that what would go over the network is counted, and
with runs of rows so short that they are as many as at the goal.
"""

import argparse
import contextlib
import json
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar
from unittest import mock

import numpy as np

from benchmarks.alpaca_rows import write_rows
from benchmarks.curating import THRESHOLDS, columns, instructions
from builder.config import Execution, Settings
from builder.cores import usable_cores
from builder.curation.novelty import neighbours, scanning
from builder.curation.novelty.scanning import scan_columns
from builder.curation.novelty.token_sequences import token_sequences
from builder.formats.importing import open_samples
from builder.pipeline.measuring import measure_folder
from builder.pipeline.publishing import decide_folder, finish
from builder.pipeline.replacing import writing
from builder.progress import Reporter
from builder.store.dataset_folder import DatasetFolder

R = TypeVar("R")

_GOAL = 100_000_000
_SHARDS = 8
# The stages that look at one row at a time are run on so much of the rows.
_SHARE = 8
# An assumption, and so is a core of this machine in place of a rented one.
_PRICE = 0.05
_CHINESE = {
    "for every row": "每行",
    "rows": "行",
    "exponent": "指数",
    "core-hours": "核时",
    "memory, decisions but the scan": "内存，扫描以外的裁决",
    "memory, import": "内存，导入",
    "memory, publishing": "内存，发布",
    "memory, signals and facts": "内存，信号与事实",
    "on disk, facts": "磁盘，事实",
    "on disk, published rows": "磁盘，发布的行",
    "on disk, samples": "磁盘，样本",
    "on disk, signals": "磁盘，信号",
    "on disk, verdicts": "磁盘，裁决",
    "decisions but the scan": "扫描以外的裁决",
    "import": "导入",
    "publishing": "发布",
    "signals and facts": "信号与事实",
    "between shards, pairs": "分片之间，候选对",
    "between shards, signatures": "分片之间，签名",
    "from the shards, edges and signatures": "分片传出，边与签名",
    "memory, signatures in the shards": "内存，各分片的签名",
    "memory, the scan, whole": "内存，整个扫描",
    "memory, token sequences": "内存，生成词元序列",
    "memory, token sequences, on each node": "内存，每个节点的词元序列",
    "to the shards, questions, each": "传给每个分片，提问",
    "decisions of the scan, on the driver": "扫描的裁决，主进程",
    "meetings and LCS, in the shards": "相遇与 LCS，各分片",
    "signatures, in the shards": "签名，各分片",
    "token sequences": "词元序列",
}
_MAKING = ("sign", "receive", "order")
# Rows that are decided about together for each shard, at the goal; and those that are fetched, here.
_ROWS_OF_A_SHARD, _FETCHED = 65_536, 16
# Exponents are of so many of the largest sizes: what is fixed counts for less there.
_FITTED = 3


def stage(measured: dict[str, float], name: str, work: Callable[[], R]) -> R:
    """Run a stage, and note its processor seconds and the most memory that it added."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    before, started = _status("VmRSS"), time.process_time()
    result = work()
    measured[f"s CPU  {name}"] = time.process_time() - started
    measured[f"bytes  memory, {name}"] = _status("VmHWM") - before
    return result


def _status(name: str) -> float:
    """Bytes of this process."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(float(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))


def measure_rows(count: int) -> dict[str, float]:
    """The stages that look at each row: import, signals, the decisions but the scan, publishing; processor time and bytes."""
    _measured_rows(500)  # what is loaded on the first call
    return _measured_rows(count)


def _measured_rows(count: int) -> dict[str, float]:
    measured: dict[str, float] = {}
    alone = {"execution": {"workers": 1}, "novelty": {"threshold": 1.0}, "split": {"validation_share": 0.0}}
    settings, reporter = Settings.model_validate(alone), Reporter(quiet=True)
    with tempfile.TemporaryDirectory() as place:
        rows, folder = Path(place) / "rows.jsonl", DatasetFolder(Path(place) / "dataset")
        write_rows(rows, count)
        with writing(folder):
            files = open_samples([rows], reporter=reporter)
            samples = files.samples(first_row=0, note=lambda _: None)
            stage(measured, "import", lambda: folder.write_samples(samples))
            stage(measured, "signals and facts", lambda: measure_folder(folder, settings, reporter))
            decision = stage(measured, "decisions but the scan", lambda: decide_folder(folder, settings, reporter))
            stage(measured, "publishing", lambda: finish(folder, settings, decision, reporter))
        sizes = {path: path.stat().st_size for path in folder.root.rglob("*.parquet")}
        for name, within in (("samples", "samples"), ("signals", "signals"), ("published rows", "publish")):
            found = sum(size for path, size in sizes.items() if (folder.root / within) in path.parents)
            measured[f"bytes  on disk, {name}"] = found
        facts = sizes[folder.signals / "facts.parquet"]
        measured["bytes  on disk, facts"] = facts
        measured["bytes  on disk, signals"] -= facts
        measured["bytes  on disk, verdicts"] = sizes[folder.root / "verdicts.parquet"]
    return measured


class _Counted:
    """Shards in this process, one after the other, with the processor time of each method and the bytes that would travel."""

    def __init__(self, factory: Callable[[int, int], Any], execution: Execution, measured: dict[str, float]) -> None:
        count = execution.workers or 1
        self._measured = measured
        self._held = [factory(number, count) for number in range(count)]

    def __len__(self) -> int:
        return len(self._held)

    def call(self, method: str, *arguments: Any) -> list[Any]:
        results = self._run(method, [arguments] * len(self))
        if method == "order":
            held = [view for one in self._held for view in one._views.values()]
            self._measured["bytes  memory, signatures in the shards"] = sum(map(_bytes, held))
        self._measured["bytes  to the shards, questions, each"] += _bytes(arguments)
        self._measured["bytes  from the shards, edges and signatures"] += _bytes(results)
        return results

    def exchange(self, give: str, take: str, *arguments: Any) -> list[Any]:
        self._measured["bytes  to the shards, questions, each"] += _bytes(arguments)
        given = self._run(give, [arguments] * len(self))
        for number, parcels in enumerate(given):
            travelled = sum(_bytes(parcel) for other, parcel in enumerate(parcels) if other != number)
            self._measured[f"bytes  between shards, {'signatures' if give == 'sign' else 'pairs'}"] += travelled
        results = self._run(take, list(zip(*given, strict=True)))
        self._measured["bytes  from the shards, edges and signatures"] += _bytes(results)
        return results

    def _run(self, method: str, arguments: list[Any]) -> list[Any]:
        started = time.process_time()
        results = [getattr(one, method)(*own) for one, own in zip(self._held, arguments, strict=True)]
        name = "signatures" if method in _MAKING else "meetings and LCS"
        self._measured[f"s CPU  {name}, in the shards"] += time.process_time() - started
        return results


def _bytes(value: Any) -> int:
    """The bytes of the arrays in it."""
    if isinstance(value, np.ndarray):
        return value.nbytes
    if isinstance(value, list | tuple):
        return sum(map(_bytes, value))
    return sum(_bytes(getattr(value, field.name)) for field in fields(value)) if is_dataclass(value) else 0


def measure_scan(count: int) -> dict[str, float]:
    """The scan over shards: processor time, memory, and bytes that would travel."""
    measured: dict[str, float] = defaultdict(float)
    rows = columns(instructions(count))
    scan_columns(rows.slice(0, 2_000), THRESHOLDS, Execution(workers=1))  # what is loaded on the first call
    sequences, numbers = stage(measured, "token sequences", lambda: token_sequences(rows["text"], Execution(workers=1)))
    measured["bytes  memory, token sequences, on each node"] = _bytes([sequences, numbers])
    del sequences, numbers

    @contextlib.contextmanager
    def counted(factory: Callable[[int, int], Any], execution: Execution) -> Iterator[_Counted]:
        yield _Counted(factory, execution, measured)

    on = Execution(workers=_SHARDS)
    with (
        mock.patch.object(neighbours, "shards", counted),
        mock.patch.object(neighbours, "_FETCHED", _FETCHED),
        mock.patch.object(scanning, "_ROWS_AT_ONCE", -(-count * _ROWS_OF_A_SHARD // _GOAL)),
    ):
        stage(measured, "the scan, whole", lambda: scan_columns(rows, THRESHOLDS, on))
    elsewhere = sum(measured[f"s CPU  {name}, in the shards"] for name in ("signatures", "meetings and LCS"))
    measured["s CPU  decisions of the scan, on the driver"] = (
        measured.pop("s CPU  the scan, whole") - elsewhere - measured["s CPU  token sequences"]
    )
    return dict(measured)


def extrapolated(counts: list[int], values: list[float]) -> tuple[float, float]:
    """The exponent of growth over the largest sizes, and the value at the goal.

    What grows less than the rows has a fixed part, and goes on along a line; else by the power.
    """
    sizes, found = np.array(counts[-_FITTED:], dtype=float), np.maximum(values[-_FITTED:], 1e-9)
    exponent = float(np.polyfit(np.log(sizes), np.log(found), 1)[0])
    if exponent >= 1:
        return exponent, values[-1] * (_GOAL / counts[-1]) ** exponent
    slope = max(0.0, float(np.polyfit(sizes, found, 1)[0]))
    return exponent, values[-1] + slope * (_GOAL - counts[-1])


def show(counts: list[int], measured: list[dict[str, float]], words: Mapping[str, str]) -> dict[str, float]:
    """Print what every row takes at each size, the exponent, and the whole at the goal; gives the last.

    Args:
        words: what to print in place of the English ones.
    """

    def said(text: str) -> str:
        return words.get(text, text)

    goals = {}
    sizes = " | ".join(f"{count:,} {said('rows')}" for count in counts)
    print(f"| {said('for every row')} | {sizes} | {said('exponent')} | {_GOAL:,} {said('rows')} |")
    print("|---" * (len(counts) + 3) + "|")
    for name in sorted(measured[0]):
        values = [found[name] for found in measured]
        unit, label = name.split("  ")
        exponent, goals[name] = extrapolated(counts, values)
        scale, each, whole = (1, "B", 1e9) if unit == "bytes" else (1e6, "µs CPU", 3600)
        cells = [f"{scale * value / count:,.1f} {each}" for value, count in zip(values, counts, strict=True)]
        total = f"{goals[name] / whole:,.1f} {'GB' if unit == 'bytes' else said('core-hours')}"
        print(f"| {said(label)} | {' | '.join(cells)} | {exponent:.2f} | {total} |")
    print(flush=True)
    return goals


def measured_alone(part: str, count: int) -> dict[str, float]:
    """A part in a process of its own: the memory is that of the part."""
    command = [sys.executable, "-m", "benchmarks.scale", "--part", part, "--count", str(count)]
    result = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(result.stdout)
    return found


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--doublings", type=int, default=4)
    parser.add_argument("--price", type=float, default=_PRICE, help="of a core for an hour, in dollars")
    parser.add_argument("--part", choices=["rows", "scan"], help="one part at one size, as JSON")
    arguments = parser.parse_args()
    if arguments.part is not None:
        print(json.dumps({"rows": measure_rows, "scan": measure_scan}[arguments.part](arguments.count)))
        return
    print(f"{usable_cores()} cores, one used; {_SHARDS} shards; exponents of the last {_FITTED} sizes\n")
    seconds = 0.0
    for part, largest in (("rows", arguments.count // _SHARE), ("scan", arguments.count)):
        counts = [largest >> (arguments.doublings - turn) for turn in range(arguments.doublings + 1)]
        measured = [measured_alone(part, count) for count in counts]
        goals = show(counts, measured, {})
        show(counts, measured, _CHINESE)
        seconds += sum(value for name, value in goals.items() if name.startswith("s CPU"))
    hours = seconds / 3600
    print(
        f"{_GOAL:,} rows: {hours:,.0f} core-hours; at ${arguments.price} for a core and hour, ${hours * arguments.price:,.0f}"
    )


if __name__ == "__main__":
    main()
