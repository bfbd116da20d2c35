"""Human reviews and the rows that they are about, where rows are numbered anew: by the conversation that was reviewed."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from builder.schema import Sample
from builder.store.reviews import Review


def place(reviews: Sequence[Review], samples: Iterable[Sample]) -> tuple[list[Review], list[Review]]:
    """Give each review the number that its conversation has now.

    Of several rows with one conversation, the first that was reviewed goes with the first that is there, and so on.

    Returns:
        The reviews that found their row, with its number, and those that found none; both in the order given.
    """
    if not reviews:
        return [], []
    reviewed: defaultdict[str, list[int]] = defaultdict(list)
    for review in reviews:
        if review.row not in reviewed[review.id]:
            reviewed[review.id].append(review.row)
    there: defaultdict[str, list[int]] = defaultdict(list)
    for sample in samples:
        if (name := sample.id) in reviewed:
            there[name].append(sample.row)
    row_of = {
        (name, old): new for name, rows in reviewed.items() for old, new in zip(sorted(rows), there[name], strict=False)
    }
    placed = [replace(r, row=row_of[r.id, r.row]) for r in reviews if (r.id, r.row) in row_of]
    return placed, [review for review in reviews if (review.id, review.row) not in row_of]
