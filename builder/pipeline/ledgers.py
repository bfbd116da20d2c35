"""That a folder's ledgers are there, and as they were written: what is in them was paid for.

ledger.sqlite            57 attempts, as many as the manifest or the journal knows of, every row under its checksum, all rows under another
"""

from pathlib import Path

from builder.errors import IntegrityError
from builder.language.messages import worded
from builder.requests.ledger_file import check_ledger, check_rows, count_unsealed
from builder.store.dataset_folder import DatasetFolder
from builder.store.journal import LEDGERS
from builder.store.manifest import Problem


def ledger_problems(folder: DatasetFolder) -> list[Problem]:
    """What is wrong with the ledgers of a folder, those among them that are missing."""
    known = folder.known()
    return [
        Problem(name, problem)
        for name in LEDGERS
        if name in known or (folder.root / name).exists()
        for problem in check_ledger(folder.root / name, known.get(name, {}))
    ]


def unchecked(root: Path) -> list[str]:
    """What cannot be checked of a folder's ledgers, one line each: an older version wrote some attempts without a checksum."""
    counts = {root / name: count_unsealed(root / name) for name in LEDGERS if (root / name).exists()}
    return [
        worded(
            "{path}: of {count:,} attempts, written by an older version, only the replies can be checked",
            path=path,
            count=count,
        )
        for path, count in counts.items()
        if count
    ]


def refuse_lost(folder: DatasetFolder, ledger: Path) -> None:
    """Refuse to go on where a ledger belongs to a folder and is not there.

    Raises:
        IntegrityError: it would be paid for again.
    """
    if not ledger.exists() and folder.name_of(ledger) in folder.known():
        raise IntegrityError(
            worded("{ledger}: missing, and with it every reply that was paid for", ledger=ledger),
            worded(
                "Restore it from a copy. Without one the published rows are still there, and `seedbed curate "
                "{publish}/*.parquet --out NEW` makes a dataset of them.",
                publish=folder.publish / "data",
            ),
        )


def refuse_damaged(folder: DatasetFolder, ledger: Path) -> None:
    """Refuse a ledger that is lost, or of which anything is not as it was written; there need be none.

    Raises:
        IntegrityError: names the row.
    """
    refuse_lost(folder, ledger)
    described = folder.known().get(folder.name_of(ledger), {})
    for problem in check_rows(ledger, described) if ledger.exists() else ():
        raise IntegrityError(
            f"{ledger}: {problem}",
            worded("Restore it from a copy; `seedbed verify {root}` lists all that differs.", root=folder.root),
        )
