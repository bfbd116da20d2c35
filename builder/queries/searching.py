"""Finding rows by a text: words, and runs of Chinese characters, that stand side by side in one of a row's turns.

分类     a turn holds these two characters side by side
chat gp  a turn holds the word `chat` and after it one that begins with `gp`
c++      a turn holds it as it stands: where something stands between words or after them, it counts

Case and width do not count.
"""

import polars as pl

from builder.pictures import shown
from builder.queries.database import Database
from builder.queries.grams import is_plain, phrase
from builder.text import normalise

# Read at once, to look at the texts themselves.
_AT_ONCE = 10_000


def search(database: Database, text: str) -> pl.Series:
    """The rows that hold a text, in row order: 64-bit integers.

    Raises:
        IntegrityError: the index, or the samples, are not what was written.
    """
    sought, goes_on = phrase(text)
    index = database.search_index()
    rows = index.rows(sought, goes_on=goes_on) if sought else range(database.folder.count_samples())
    if not is_plain(text):
        rows = _rows_that_hold(database, rows, normalise(text))
    return pl.Series("row", rows, dtype=pl.Int64)


def _rows_that_hold(database: Database, rows: list[int] | range, wanted: str) -> list[int]:
    """Those of some rows in whose turns a text stands as it is, marks and all."""
    return [
        record["row"]
        for begin in range(0, len(rows), _AT_ONCE)
        for record in database.folder.sample_records(rows[begin : begin + _AT_ONCE], ("row", "messages"))
        if any(wanted in normalise(shown(turn["content"], turn["parts"], "en")) for turn in record["messages"])
    ]
