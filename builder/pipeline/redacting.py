"""Rows with personal data or secrets get a successor without them, in place; then the folder is decided again."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from builder.curation.facts import FACTS
from builder.curation.redacting import redact_row
from builder.pipeline.measuring import measure_folder
from builder.pipeline.publishing import Outcome, decide_folder, finish, spending_of
from builder.pipeline.replacing import writing
from builder.progress import Reporter
from builder.schema import Sample
from builder.settings_file import load_settings
from builder.signals.privacy import PRIVACY
from builder.store.dataset_folder import DatasetFolder, samples_from_table


@dataclass(frozen=True, slots=True)
class Redacted:
    """What a redaction came to.

    Attributes:
        outcome: of the folder as it is now.
        rows: how many rows were appended.
        kinds: how many of them held each kind of private data.
    """

    outcome: Outcome
    rows: int
    kinds: Mapping[str, int]


def redact_folder(root: Path, reporter: Reporter) -> Redacted:
    """Append a redaction of every row that holds something private, then decide and publish again.

    A row that has a redaction gets no second one, and one that a person reviewed none at all: a review speaks of the row as
    it stands. A run that was cut short goes on when it is started again.

    Raises:
        InputFileError: not a dataset folder.
    """
    folder = DatasetFolder.open(root)
    with writing(folder):
        settings = load_settings(folder.settings)
        folder.check(folder.samples)
        spending = spending_of(folder)
        measure_folder(folder, settings, reporter)
        kinds = _to_redact(folder)
        if kinds:
            folder.withdraw_manifest()
            with reporter.step("Redacting", total=len(kinds)) as step:
                folder.write_samples(_redactions(folder, set(kinds)))
                step.set(len(kinds))
        decision = decide_folder(folder, settings, reporter)
        folder.withdraw_manifest()
        outcome = Outcome(root, finish(folder, settings, decision, reporter, spending))
    return Redacted(outcome, len(kinds), Counter(kind for found in kinds.values() for kind in found))


def _to_redact(folder: DatasetFolder) -> dict[int, list[str]]:
    """The rows that lack a redaction, each with the kinds of what it holds."""
    measured = folder.read_signal(PRIVACY.name)
    found = measured.filter(pc.greater(pc.list_value_length(measured["privacy"]), 0))
    settled = {*folder.read_signal(FACTS)["redaction_of"].drop_null().to_pylist(), *folder.read_reviews()}
    kinds = zip(found["row"].to_pylist(), found["privacy"].to_pylist(), strict=True)
    return {row: names for row, names in kinds if row not in settled}


def _redactions(folder: DatasetFolder, rows: set[int]) -> Iterator[Sample]:
    numbers = count(folder.count_samples())
    for table in folder.iter_sample_tables(min(rows), max(rows)):
        wanted = table.filter(pa.array([row in rows for row in table["row"].to_pylist()]))
        for sample in samples_from_table(wanted):
            yield redact_row(sample, next(numbers))
