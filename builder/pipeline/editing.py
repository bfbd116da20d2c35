"""New rows that take the place of old ones: of edits that people made, and of whatever else gives a row a successor."""

from collections.abc import Callable, Collection, Iterator, Sequence

import pyarrow as pa

from builder.config import Settings
from builder.curation.editing import edited_row
from builder.errors import UsageError
from builder.language.messages import worded
from builder.pipeline.placing import place
from builder.progress import Reporter
from builder.schema import Sample
from builder.store.dataset_folder import DatasetFolder, samples_from_table
from builder.store.reviews import Review, Ruling, WhoDecides, deciding, edit_source, edited_rows


def append_successors(
    folder: DatasetFolder, rows: Collection[int], successors: Callable[[Sample, int], Sequence[Sample]]
) -> None:
    """Append the successors of some rows, which stay as they are; until it is decided again the folder is not complete.

    Args:
        successors: of a row, given the number of the first; numbered on from it.
    """
    folder.withdraw_manifest()
    folder.write_samples(_successors(folder, {*rows}, successors))


def _successors(
    folder: DatasetFolder, rows: set[int], successors: Callable[[Sample, int], Sequence[Sample]]
) -> Iterator[Sample]:
    number = folder.count_samples()
    for table in folder.iter_sample_tables(min(rows), max(rows)):
        wanted = table.filter(pa.array([row in rows for row in table["row"].to_pylist()]))
        for sample in samples_from_table(wanted):
            made = successors(sample, number)
            yield from made
            number += len(made)


def lacking_edits(folder: DatasetFolder, settings: Settings) -> dict[int, Review]:
    """The edits that decide about a row and have no row of their own yet, by the row that was edited."""
    reviews = folder.reviews.read()
    edits = {row: one for row, one in deciding(reviews, settings.reviews.decide).items() if one.decision == "edit"}
    there = {(old, edit.says) for old, edit in edited_rows(folder, reviews).values()}
    rows = folder.count_samples() if edits else 0
    return {row: one for row, one in edits.items() if (row, one.says) not in there and row < rows}


def append_edits(folder: DatasetFolder, settings: Settings, reporter: Reporter, *, may_append: bool = True) -> None:
    """Append the row of every edit that decides and has none; reviews that wait for such a row, as after a rebuild, find it.

    Raises:
        UsageError: there are some, and none may be appended; or an edit is not one of the row's turns.
    """
    while edits := lacking_edits(folder, settings):
        if not may_append:
            raise UsageError(
                worded(
                    "{root}: {edits:,} edits have no row yet, and their rows would have to be measured",
                    root=folder.root,
                    edits=len(edits),
                ),
                worded("Run `seedbed curate {root}` without --redecide.", root=folder.root),
            )
        with reporter.step(worded("Edits"), total=len(edits)) as step:

            def made(old: Sample, row: int, edits: dict[int, Review] = edits) -> list[Sample]:
                return [edited_row(old, row, edits[old.row].edit, edit_source(edits[old.row]))]

            append_successors(folder, edits, made)
            step.set(len(edits))
        if unplaced := folder.reviews.read_unplaced():
            first = folder.count_samples() - len(edits)
            tables = folder.iter_sample_tables(first)
            new = (sample for table in tables for sample in samples_from_table(table) if sample.row >= first)
            placed, rest = place(unplaced, new)
            folder.reviews.place(placed, rest)


def without_edits(reviews: Sequence[Review], who: WhoDecides) -> dict[int, Ruling]:
    """What reviews come to while rows are grown: edits have no rows there, and their old rows are judged as if nobody had edited them."""
    return {
        row: Ruling(row, "keep" if one.decision == "keep" else "drop", one.note)
        for row, one in deciding(reviews, who).items()
        if one.decision != "edit"
    }
