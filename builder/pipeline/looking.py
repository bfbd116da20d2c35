"""Reading a dataset folder without changing it."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from builder.dataset_folder import DatasetFolder, Problem
from builder.errors import (
    UsageError,
)
from builder.pipeline.publishing import read_report, spending_of
from builder.requests.ledger import check_ledger
from builder.schema import Sample
from builder.settings_file import load_settings


def kept_samples(root: Path, split: str = "all") -> Iterator[Sample]:
    """The kept rows of a dataset folder, in row order.

    Args:
        split: `train`, `validation`, or `all`.
    """
    if split not in ("all", "train", "validation"):
        raise UsageError(f"--split {split}: expected train, validation or all")
    folder = DatasetFolder.open(root)
    verdicts = folder.read_verdicts()
    wanted = {v.row for v in verdicts if v.kept and split in ("all", v.split)}
    return (sample for sample in folder.iter_samples() if sample.row in wanted)


def status(root: Path) -> dict[str, Any]:
    """What a folder holds, read without its lock."""
    folder = DatasetFolder.open(root)
    settings = load_settings(folder.settings, environ={})
    facts: dict[str, Any] = {"folder": str(root), "target": settings.target or "none"}
    if spending := spending_of(folder):
        facts |= asdict(spending)
    finished = folder.manifest_hash() is not None
    facts["finished"] = finished
    if finished:
        report = read_report(folder)
        facts |= {"rows": report["rows"]["total"], "kept": report["rows"]["kept"]}
    return facts


def verify(root: Path) -> list[Problem]:
    """Check every file against the manifest, and the ledger and the reviews by their own means."""
    folder = DatasetFolder.open(root)
    problems = folder.verify()
    if folder.ledger.exists():
        problems += [Problem("ledger.sqlite", problem) for problem in check_ledger(folder.ledger)]
    return problems
