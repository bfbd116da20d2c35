"""Reading a dataset folder without changing it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from builder.pipeline.ledgers import ledger_problems
from builder.pipeline.publishing import read_report, spending_of
from builder.progress import Growing
from builder.queries.reviewing import review_state
from builder.requests.ledger_file import is_begun
from builder.requests.spending import OpenBatch, Spending, read_growing, read_open_batches
from builder.settings_file import load_settings
from builder.store.dataset_folder import DatasetFolder
from builder.store.manifest import Problem
from builder.store.snapshot import consistent, open_snapshot


@dataclass(frozen=True, slots=True)
class Status:
    """What a folder holds, and how far its growth is.

    Attributes:
        target: None where nothing was to be grown.
        process: that builds or changes the folder now, or None.
        finished: all files are written.
        rows: `rows` in all and `kept`; empty until it is finished.
        spending: what the ledger counts; None where nothing was grown.
        batches: those that were sent and not collected yet.
        growing: as it was last noted, a second or two ago at most while it runs; None where nothing was grown.
        reviews: rows that people `reviewed`, about which they are `disagreeing`, and whose verdicts are `pending`.
    """

    root: Path
    target: int | None
    process: str | None
    finished: bool
    rows: Mapping[str, int]
    spending: Spending | None
    batches: Sequence[OpenBatch]
    growing: Growing | None
    reviews: Mapping[str, int]

    @property
    def missing(self) -> int:
        """Rows that the target lacks."""
        reached = self.growing.reached if self.growing is not None else None
        return 0 if self.target is None or reached is None else max(0, self.target - reached)

    def counts(self) -> dict[str, int]:
        """What the ledger counts."""
        return asdict(self.spending) if self.spending is not None else {}

    def as_record(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "folder": str(self.root),
            "target": self.target,
            **self.counts(),
            "batches": [asdict(batch) for batch in self.batches],
            "running": self.process is not None,
            "process": self.process,
            "growing": self.growing and self.growing.as_record(),
            "reviews": self.reviews,
            "finished": self.finished,
            **self.rows,
        }


def status(root: Path) -> dict[str, Any]:
    """What a folder holds, for scripts; see `look`."""
    return look(root).as_record()


@consistent
def look(root: Path) -> Status:
    """What a folder holds, read without waiting for its lock."""
    folder = open_snapshot(root)
    settings = load_settings(folder.settings, environ={})
    process = DatasetFolder(root).owner()
    begun = is_begun(folder.ledger)
    growing = read_growing(folder.ledger) if begun else None
    finished = folder.manifest_hash() is not None
    counts = read_report(folder)["rows"] if finished else {}
    said = review_state(folder, settings)
    return Status(
        root=root,
        target=settings.target,
        process=process,
        finished=finished,
        rows={"rows": counts["total"], "kept": counts["kept"]} if finished else {},
        spending=spending_of(folder) if begun else None,
        batches=read_open_batches(folder.ledger) if begun else (),
        growing=growing if process is not None or growing is None else growing.at_rest(),
        reviews={
            "reviewed": len(said.standing),
            "disagreeing": len(said.disagreeing),
            "pending": len(said.pending),
        },
    )


@consistent
def verify(root: Path) -> list[Problem]:
    """Check every file against the manifest, and the ledgers and the reviews by their own means."""
    folder = open_snapshot(root)
    return folder.verify() + ledger_problems(folder)
