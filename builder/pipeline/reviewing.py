"""Making reviews: which rows a reviewer is shown, and what they decide written before the next one is."""

import contextlib
import random
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from builder.config import Settings
from builder.curation.editing import Edit, check_edit
from builder.errors import FolderInUseError, UsageError
from builder.language.messages import worded
from builder.queries.database import Database
from builder.queries.selecting import Filters, choose
from builder.schema import Sample, sample_from_record
from builder.settings_file import load_settings
from builder.store.dataset_folder import DatasetFolder
from builder.store.reviews import Decision, Review, new_review, standing

# As long as another reviewer's line takes many times over; who curates takes longer, and is named.
_PATIENCE_SECONDS, _PAUSE_SECONDS = 3.0, 0.05


class ReviewSession:
    """One reviewer and one dataset folder.

    Args:
        root: a curated folder.
        reviewer: whose decisions these are.

    Raises:
        InputFileError: not a dataset folder.
        UsageError: the reviewer has no name.
        IntegrityError: the folder's rows or reviews are damaged.
    """

    def __init__(self, root: Path, reviewer: str) -> None:
        if not reviewer.strip() or not reviewer.isprintable():
            raise UsageError(
                worded("--reviewer: a name is needed, such as li or anna@example.org"),
                worded("Give it with --reviewer, or in the environment variable SEEDBED_REVIEWER."),
            )
        self.folder = DatasetFolder.open(root)
        self.folder.check_where_finished(self.folder.samples, self.folder.verdicts)
        self.settings: Settings = load_settings(self.folder.settings)
        self.reviewer = reviewer.strip()
        self._made: list[Review] = []
        self.folder.reviews.read()

    def rows(self, filters: Filters, *, sample: int | None = None, seed: int = 0, again: bool = False) -> list[int]:
        """The rows to review, in their order.

        Args:
            sample: so many of them, drawn before those that were reviewed are left out: the same command goes on with the same.
            again: those too that this reviewer has reviewed.
        """
        with Database(self.folder) as database:
            rows: list[int] = choose(database, filters)["row"].to_list()
        if sample is not None and sample < len(rows):
            rows = sorted(random.Random(seed).sample(rows, sample))
        seen = set() if again else set(self.own())
        return [row for row in rows if row not in seen]

    def own(self) -> dict[int, Review]:
        """This reviewer's last word on each row."""
        return {
            row: one
            for row, said in standing(self.folder.reviews.read()).items()
            for one in said
            if one.reviewer == self.reviewer
        }

    def sample(self, row: int) -> Sample:
        """One row."""
        return sample_from_record(self.folder.sample_records([row])[0])

    def decide(self, sample: Sample, decision: Decision, *, note: str = "", edit: Edit = ()) -> Review:
        """Write a decision about a row; it is on disk when this returns.

        Raises:
            UsageError: the row is another one by now, or the edit makes no row.
            FolderInUseError: another process holds the folder; nothing was written, and it can be tried again.
        """
        return self.decide_all([(sample, decision, note, edit)])[0]

    def decide_all(self, decisions: Sequence[tuple[Sample, Decision, str, Edit]]) -> list[Review]:
        """Write several decisions as `decide` does, all or none of them but for a kill between two."""
        for sample, _, _, edit in decisions:
            check_edit(sample, edit)
        with patiently(self.folder):
            rows = [sample.row for sample, *_ in decisions]
            ids = {one["row"]: one["id"] for one in self.folder.sample_records(rows, ("row", "id"))}
            own = self.own()
            made = []
            for sample, decision, note, edit in decisions:
                if ids.get(sample.row) != sample.id:
                    raise UsageError(
                        worded(
                            "row {row}: it is another one by now, since the dataset was written anew", row=sample.row
                        ),
                        worded("Start the review again; what was decided before is kept with its rows."),
                    )
                last = own.get(sample.row)
                follows = None if last is None else last.review_id
                made.append(
                    new_review(
                        sample.row, sample.id, decision, reviewer=self.reviewer, note=note, edit=edit, follows=follows
                    )
                )
            self.folder.reviews.append(*made)
        self._made += made
        return made

    def undo(self) -> Review | None:
        """Withdraw the last decision that this session made and that still stands; None where there is none.

        Raises:
            FolderInUseError: as for `decide`.
        """
        if not self._made:
            return None
        last = self._made[-1]
        with patiently(self.folder):
            self.folder.reviews.append(
                new_review(last.row, last.id, "withdraw", reviewer=self.reviewer, follows=last.review_id)
            )
        return self._made.pop()


@contextlib.contextmanager
def patiently(folder: DatasetFolder) -> Iterator[None]:
    """Hold a folder's lock for a moment, waiting for another reviewer's moment.

    Raises:
        FolderInUseError: another process holds it for longer.
    """
    until = time.monotonic() + _PATIENCE_SECONDS
    with contextlib.ExitStack() as stack:
        while True:
            try:
                stack.enter_context(folder.lock())
                break
            except FolderInUseError:
                if time.monotonic() > until:
                    raise
                time.sleep(_PAUSE_SECONDS)
        yield
