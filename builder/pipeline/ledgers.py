"""That a folder's ledgers are there, and as they were written: what is in them was paid for.

ledger.sqlite            57 attempts, as many as the manifest or the journal knows of, every row under its checksum
"""

from pathlib import Path

from builder.errors import IntegrityError
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
        for problem in check_ledger(folder.root / name, known.get(name, {}).get("last_attempt", 0))
    ]


def unchecked(root: Path) -> list[str]:
    """What cannot be checked of a folder's ledgers, one line each: an older version wrote some attempts without a checksum."""
    counts = {root / name: count_unsealed(root / name) for name in LEDGERS if (root / name).exists()}
    return [
        f"{path}: of {count:,} attempts, written by an older version, only the replies can be checked"
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
            f"{ledger}: missing, and with it every reply that was paid for",
            "Restore it from a copy. Without one the published rows are still there, and "
            f"`seedbed curate {folder.publish / 'data'}/*.parquet --out NEW` makes a dataset of them.",
        )


def refuse_damaged(folder: DatasetFolder, ledger: Path) -> None:
    """Refuse a ledger that is lost, or of which anything is not as it was written; there need be none.

    Raises:
        IntegrityError: names the row.
    """
    refuse_lost(folder, ledger)
    last = folder.known().get(folder.name_of(ledger), {}).get("last_attempt", 0)
    for problem in check_rows(ledger, last) if ledger.exists() else ():
        raise IntegrityError(
            f"{ledger}: {problem}", f"Restore it from a copy; `seedbed verify {folder.root}` lists all that differs."
        )
