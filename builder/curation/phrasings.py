"""Of the rows that ask for one task in several ways, the few that are published (Flan draws one template for each example).

row 12   "Sort these 3 words by length."           drawn
row 40   "Put the 3 words in order of length."     other_phrasing, of row 12
"""

import hashlib

import polars as pl


def draw_phrasings(rows: pl.DataFrame, most: int, seed: int) -> pl.DataFrame:
    """Draw at most `most` wordings of each task and input.

    A wording's place in the draw depends on the seed and its row alone, so that a row which is added later changes the draw
    of its own task at most. Rows with the same wording, such as two answers to it, go together.

    Args:
        rows: row, task_id, wording and given (see `builder.curation.facts`), and exempt: rows that are drawn before all
            others and never dropped. In any order; rows without an instruction are left alone.

    Returns:
        The rows that were not drawn: row, reason `other_phrasing`, value, threshold, and `of`, the first row that was.
    """
    groups = (
        rows.filter(pl.col("wording").is_not_null())
        .group_by("task_id", "given", "wording")
        .agg("row", "exempt")
        .group_by("task_id", "given")
        .agg("row", "exempt")
        .filter(pl.col("row").list.len() > most)
    )
    dropped: list[tuple[int, str, float, float, int]] = []
    for wordings, exempt in groups.select("row", "exempt").iter_rows():
        drawn, *others = sorted(
            (
                (not any(kept), _lot(seed, min(members)), members, kept)
                for members, kept in zip(wordings, exempt, strict=True)
            ),
            key=lambda one: one[:2],
        )
        for number, (_, _, members, kept) in enumerate(others, 2):
            if number > most:
                first = min(drawn[2])
                dropped += [
                    (row, "other_phrasing", float(number), float(most), first)
                    for row, stays in zip(members, kept, strict=True)
                    if not stays
                ]
    schema = {"row": pl.Int64, "reason": pl.String, "value": pl.Float64, "threshold": pl.Float64, "of": pl.Int64}
    return pl.DataFrame(dropped, schema=schema, orient="row")


def _lot(seed: int, row: int) -> bytes:
    return hashlib.sha256(f"{seed}/{row}".encode()).digest()
