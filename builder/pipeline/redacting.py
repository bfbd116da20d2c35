"""Rows with personal data or secrets get a successor without them, in place; then the folder is decided again."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow.compute as pc

from builder.config import Settings
from builder.curation.facts import FACTS
from builder.curation.redacting import redact_row
from builder.language.messages import worded
from builder.pipeline.editing import append_successors
from builder.pipeline.measuring import measure_folder
from builder.pipeline.own_settings import own_settings
from builder.pipeline.publishing import Outcome, decide_folder, finish, spending_of
from builder.pipeline.replacing import deciding, writing
from builder.progress import Reporter
from builder.settings_file import dump_settings
from builder.signals.privacy import PRIVACY
from builder.store.dataset_folder import DatasetFolder
from builder.store.files import write_text
from builder.store.reviews import deciding as decisive
from builder.store.reviews import rulings


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
    it stands. Whole or not at all: a run that was cut short is made again.

    Raises:
        InputFileError: not a dataset folder.
    """
    folder = DatasetFolder.open(root)
    with writing(folder):
        settings = own_settings(folder)
        folder.check(folder.samples)
        spending = spending_of(folder)
        with deciding(folder) as staged:
            write_text(staged.settings, dump_settings(settings))
            measure_folder(staged, settings, reporter)
            kinds = _to_redact(staged, settings)
            if kinds:
                with reporter.step(worded("Redacting"), total=len(kinds)) as step:
                    append_successors(staged, kinds, lambda old, row: [redact_row(old, row)])
                    step.set(len(kinds))
            decision = decide_folder(staged, settings, reporter)
            report = finish(staged, settings, decision, reporter, spending)
        outcome = Outcome(root, report)
    return Redacted(outcome, len(kinds), Counter(kind for found in kinds.values() for kind in found))


def _to_redact(folder: DatasetFolder, settings: Settings) -> dict[int, list[str]]:
    """The rows that lack a redaction, each with the kinds of what it holds."""
    measured = folder.read_signal(PRIVACY.name)
    found = measured.filter(pc.greater(pc.list_value_length(measured["privacy"]), 0))
    settled = {
        *folder.read_signal(FACTS)["redaction_of"].drop_null().to_pylist(),
        *decisive(folder.reviews.read(), settings.reviews.decide),
        *rulings(folder, settings.reviews.decide),
    }
    kinds = zip(found["row"].to_pylist(), found["privacy"].to_pylist(), strict=True)
    return {row: names for row, names in kinds if row not in settled}
