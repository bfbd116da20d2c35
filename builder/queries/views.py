"""The views of a dataset folder: which there are, and how each is made of its files.

rows        one line a row: what its file says of it, its prompt and answer as texts, and its verdict
verdicts    one line a row: kept, reason, of, split, and how many checks failed
checks      one line a failed check: row, reason, value, threshold, of, evidence
signals     one line a row, one column for each value that was measured
rejections  one line a candidate that was not admitted
groups      one line a row that went for another: row, the row it went for (of), reason, value, and how many went for that one
requests    one line an attempt to have a request answered, from the ledger, with its job, recipe, model, tokens and seconds
reviews     one line a decision by a person
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

# What rows are filtered, counted and paged by: short columns, held in memory.
LABELS = ("row", "category", "language", "origin", "kind", "kept", "reason", "of", "split", "mended")

_LABELS = """
    CREATE TABLE labels AS
    SELECT s.row, s.category, s.language, s.origin, s.kind, v.kept, v.reason, v."of", v.split,
        coalesce(len(s.mended) > 0, false) AS mended
    FROM samples s LEFT JOIN verdict_table v ON v.row = s.row
    ORDER BY s.row
"""

# Texts that are made of a row's messages, by the name of their column.
TEXTS: Mapping[str, str] = {
    "prompt": "coalesce(list_filter(messages, lambda m: m.role = 'user')[1].content, '')",
    "answer": "coalesce(list_filter(messages, lambda m: m.role = 'assistant')[-1].content, '')",
}
_ROWS = f"""
    CREATE VIEW rows AS
    SELECT s.*, {", ".join(f"{made} AS {name}" for name, made in TEXTS.items())},
        v.kept, v.reason, v."of", v.split
    FROM samples s LEFT JOIN verdict_table v ON v.row = s.row
"""

_VERDICTS = """
    CREATE VIEW verdicts AS SELECT row, kept, reason, "of", split, len(checks) AS failed FROM verdict_table
"""

_CHECKS = """
    CREATE VIEW checks AS
    SELECT row, c.reason, c.value, c.threshold, c."of", c.evidence
    FROM (SELECT row, unnest(checks) AS c FROM verdict_table)
"""

_GROUPS = """
    CREATE VIEW groups AS
    SELECT v.row, v."of", v.reason, list_filter(v.checks, lambda c: c.reason = v.reason)[1].value AS value,
        count(*) OVER (PARTITION BY v."of") AS size
    FROM verdict_table v WHERE v."of" IS NOT NULL
"""


@dataclass(frozen=True, slots=True)
class View:
    """How a view is made: the sources and views that it stands on, and the statement."""

    stands_on: tuple[str, ...]
    statement: str


VIEWS: Mapping[str, View] = {
    "rows": View(("samples", "verdict_table"), _ROWS),
    "verdicts": View(("verdict_table",), _VERDICTS),
    "checks": View(("verdict_table",), _CHECKS),
    "rejections": View(("rejection_table",), "CREATE VIEW rejections AS FROM rejection_table"),
    "groups": View(("verdict_table",), _GROUPS),
    "requests": View(("attempt_table",), "CREATE VIEW requests AS FROM attempt_table"),
    "reviews": View(("review_table",), "CREATE VIEW reviews AS FROM review_table"),
}
# Of every folder; `signals` is made of what this one holds.
NAMES = frozenset({*VIEWS, "signals"})
INNER: Mapping[str, View] = {"labels": View(("samples", "verdict_table"), _LABELS)}


def quoted(name: str) -> str:
    """A name as SQL takes it, whatever characters it has."""
    return '"' + name.replace('"', '""') + '"'


def own_name(source: str, column: str) -> str:
    """What a signal's column is called where another signal has one of its name."""
    return f"{source.removeprefix('signal_')}_{column}"


def signals_view(columns: Mapping[str, Sequence[str]]) -> str:
    """The statement that makes `signals`.

    Args:
        columns: of each signal, by the name of its source. A column that two signals have is named `<signal>_<column>`.
    """
    counts: dict[str, int] = {}
    for names in columns.values():
        for name in names:
            counts[name] = counts.get(name, 0) + 1
    parts = [
        f"{quoted(source)}.{quoted(name)} AS {quoted(name if counts[name] == 1 else own_name(source, name))}"
        for source, names in columns.items()
        for name in names
    ]
    joins = " ".join(f"LEFT JOIN {quoted(source)} ON {quoted(source)}.row = labels.row" for source in columns)
    return f"CREATE OR REPLACE VIEW signals AS SELECT {', '.join(['labels.row', *parts])} FROM labels {joins}"
