"""Of the rows that ask for one task in several ways, the few that are published (Flan draws one template for each example).

row 12   "Sort these 3 words by length."           drawn
row 40   "Put the 3 words in order of length."     other_phrasing, of row 12
"""

import hashlib
from collections.abc import Collection, Iterable

from builder.schema import Check, Sample
from builder.text import normalise


def draw_phrasings(rows: Iterable[Sample], most: int, seed: int, *, first: Collection[int] = ()) -> dict[int, Check]:
    """Draw at most `most` wordings of each task and input.

    A wording's place in the draw depends on the seed and its row alone, so that a row which is added later changes the draw
    of its own task at most. Rows with the same wording, such as two answers to it, go together.

    Args:
        rows: in any order; rows without an instruction are left alone.
        first: rows that are drawn before all others and never dropped: a person kept them, or they are seeds.

    Returns:
        The rows that were not drawn, each with `other_phrasing` and the first row that was.
    """
    groups: dict[tuple[str, str], dict[str, list[int]]] = {}
    for sample in rows:
        if sample.instruction is not None:
            wordings = groups.setdefault((sample.task_id, normalise(sample.input or "")), {})
            wordings.setdefault(sample.instruction, []).append(sample.row)

    def place(members: list[int]) -> tuple[bool, bytes]:
        lot = hashlib.sha256(f"{seed}/{min(members)}".encode()).digest()
        return not any(row in first for row in members), lot

    dropped: dict[int, Check] = {}
    for wordings in groups.values():
        if len(wordings) <= most:
            continue
        drawn, *others = sorted(wordings.values(), key=place)
        for number, members in enumerate(others, 2):
            if number > most:
                check = Check("other_phrasing", float(number), float(most), min(drawn))
                dropped.update({row: check for row in members if row not in first})
    return dropped
