"""The numbers of the report as queries: what the report counts, anybody can count with `seedbed query`.

Each is a SELECT of the views and no more, and stands under its figure on the page.
"""

from collections.abc import Mapping

import polars as pl

from builder.queries.database import Database

GUESS = "category_guess"

_FIGURES: Mapping[str, str] = {
    "rejections": "SELECT reason, count(*) AS candidates FROM rejections GROUP BY reason ORDER BY candidates DESC, reason",
    "rows": """\
SELECT count(*) AS total, count(*) FILTER (kept) AS kept, count(*) FILTER (NOT kept) AS dropped FROM verdicts""",
    "reasons": """\
SELECT reason, count(*) AS rows FROM verdicts WHERE NOT kept GROUP BY reason ORDER BY rows DESC, reason""",
    "failed_checks": """\
SELECT reason, count(DISTINCT row) AS rows FROM checks GROUP BY reason ORDER BY rows DESC, reason""",
    "origins": """\
SELECT origin, count(*) AS before, count(*) FILTER (kept) AS after FROM rows
GROUP BY origin ORDER BY before DESC, origin""",
    "mix": """\
SELECT category, language, count(*) AS before, count(*) FILTER (kept) AS after FROM rows
GROUP BY category, language ORDER BY before DESC, category NULLS LAST, language""",
    "mended": """\
SELECT kind, count(*) AS rows FROM (SELECT row, unnest(list_distinct([m.kind FOR m IN mended])) AS kind FROM rows)
GROUP BY kind ORDER BY rows DESC, kind""",
    "splits": """\
SELECT coalesce(split, 'unassigned') AS split, count(*) AS rows FROM verdicts WHERE kept GROUP BY ALL ORDER BY split""",
    "duplicates": """\
SELECT "of", count(*) AS rows FROM groups GROUP BY "of" ORDER BY rows DESC, "of\"""",
}
# Where categories were guessed, rows without one of their own count under that.
_GUESSED_MIX = f"""\
SELECT coalesce(nullif(category, ''), {GUESS}) AS category, language, count(*) AS before,
    count(*) FILTER (kept) AS after
FROM rows LEFT JOIN signals USING (row) GROUP BY ALL ORDER BY before DESC, category NULLS LAST, language"""


def figure_queries(database: Database) -> dict[str, str]:
    """The query of each figure, by its name."""
    guessed = any(GUESS in columns for columns in database.signals().values())
    return {**_FIGURES, "mix": _GUESSED_MIX} if guessed else dict(_FIGURES)


def read_figure(database: Database, name: str) -> pl.DataFrame:
    """What the query of a figure answers.

    Raises:
        IntegrityError: a file that it reads is not what was written.
    """
    views = ("rows", "verdicts", "checks", "rejections", "groups")
    return database.ask(figure_queries(database)[name], reads=views, signals=[GUESS] if name == "mix" else [])
