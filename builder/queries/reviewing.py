"""What people said of rows, beside what the verdicts say."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow.parquet as pq

from builder.config import Settings
from builder.store.dataset_folder import DatasetFolder, parquet_errors
from builder.store.reviews import Review, Ruling, deciding, rulings, standing

_OBEYED = "reviewed"  # the table of signals that `builder.curation.deciding` gives


@dataclass(frozen=True, slots=True)
class ReviewState:
    """The reviews of a folder.

    Attributes:
        standing: of each row the last word of each reviewer.
        deciding: the review that decides about a row, where there is one.
        pending: the rows whose verdicts do not obey their reviews yet; `seedbed curate` decides them.
    """

    standing: Mapping[int, Sequence[Review]]
    deciding: Mapping[int, Review]
    pending: frozenset[int]

    @property
    def disagreeing(self) -> frozenset[int]:
        """The rows whose reviewers do not say the same."""
        return frozenset(row for row, said in self.standing.items() if len({one.says for one in said}) > 1)

    def of_row(self, row: int) -> dict[str, Any] | None:
        """What is said of a row, as plain JSON values; None where nobody reviewed it and nothing is pending."""
        said = self.standing.get(row, ())
        if not said and row not in self.pending:
            return None
        decides = self.deciding.get(row)
        return {
            "decision": None if decides is None else decides.decision,
            "by": None if decides is None else decides.reviewer,
            "pending": row in self.pending,
            "agreed": row not in self.disagreeing,
            "reviews": [
                {"reviewer": one.reviewer, "decision": one.decision, "note": one.note, "time": one.time} for one in said
            ],
        }


def review_state(folder: DatasetFolder, settings: Settings) -> ReviewState:
    """Read a folder's reviews, and hold them against what its verdicts obey.

    Raises:
        IntegrityError: a line of the reviews is damaged.
    """
    who = settings.reviews.decide
    reviews = folder.reviews.read()
    decides = deciding(reviews, who)
    now, obeyed = rulings(folder, who), _obeyed(folder)
    pending = {row for row in {*now, *obeyed} if now.get(row) != obeyed.get(row)}
    pending |= {row for row, one in decides.items() if one.decision == "edit" and row not in now}
    return ReviewState(standing(reviews), decides, frozenset(pending))


def _obeyed(folder: DatasetFolder) -> dict[int, Ruling]:
    path = folder.signals / f"{_OBEYED}.parquet"
    if not path.is_file():
        return {}
    with parquet_errors(path):
        return {record["row"]: Ruling(**record) for record in pq.read_table(path).to_pylist()}
