"""Row filters: what can be judged from one row and its signals, at admission and again in curation.

A check is a line in `CHECKS`, read in two ways: `check_row` holds one row against it, `failed_checks` a table of rows. The
few that need the text itself and not a column of it are `check_text`.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import polars as pl

from builder.config import Filters
from builder.curation.blocked_words import find_blocked_word
from builder.curation.facts import row_facts
from builder.curation.published_rules import check_published
from builder.schema import Check, Origin, Sample
from builder.signals import SignalValue
from builder.signals.signal import task_text

_INSTRUCTED: tuple[Origin, ...] = ("seed", "generated")
_LISTED = ", "
_UNNAMED_LANGUAGE = "und"  # a row without letters, such as a sum, is in every language

FAILED_SCHEMA: Mapping[str, pl.DataType] = {
    "row": pl.Int64(),
    "rank": pl.Int32(),
    "reason": pl.String(),
    "value": pl.Float64(),
    "threshold": pl.Float64(),
    "of": pl.Int64(),
    "evidence": pl.String(),
}


@dataclass(frozen=True, slots=True)
class ColumnCheck:
    """One check of one column; a row whose value is null passes.

    Attributes:
        reason: a key of `builder.language.reasons`.
        column: of a signal, of the row's facts or of the sample itself.
        fails: when the value is `above` or `below` the threshold, is `equal` to `value`, is `present` at all, or is `not
            among` those wanted; a list `holds` one of those unwanted, or any where the setting is a switch.
        setting: in `Filters`: the threshold, the switch of an `equal` or `present` check, or the values (un)wanted; None or
            False is off. Without one the check cannot be switched off.
        value: what an `equal` check looks for.
        evidence: columns that show the problem, joined by an arrow.
        origins: the rows that are held to it; None is all.
        where: a column that must be true for the check to say anything.
        least: a smaller value counts as this.
        always: whether it holds for grown rows under published rules (`filters.rules`) too.
    """

    reason: str
    column: str
    fails: Literal["above", "below", "equal", "present", "not among", "holds"]
    setting: str | None = None
    value: bool | str = True
    evidence: tuple[str, ...] = ()
    origins: tuple[Origin, ...] | None = None
    where: str | None = None
    least: float = -math.inf
    always: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that it reads."""
        return (self.column, *self.evidence, *((self.where,) if self.where else ()))

    def limit(self, filters: Filters) -> Any:
        """What the setting says; True where there is none."""
        return True if self.setting is None else getattr(filters, self.setting)

    def applies(self, origin: str, filters: Filters) -> bool:
        """Whether rows of this origin are held to the check."""
        limit = self.limit(filters)
        under_rules = filters.rules is not None and origin == "generated"
        return (
            limit is not None
            and limit is not False
            and (self.origins is None or origin in self.origins)
            and (self.always or not under_rules)
        )


# In the order in which a row is judged: the first that fails decides.
CHECKS: tuple[ColumnCheck, ...] = (
    ColumnCheck("labelled_bad", "labelled_bad", "present", evidence=("labelled_bad",), always=True),
    ColumnCheck("no_answer", "answered", "equal", value=False, always=True),
    ColumnCheck(
        "no_question", "asked", "equal", value=False, evidence=("answer_beginning",), where="answered", always=True
    ),
    ColumnCheck(
        "nothing_to_train_on",
        "trained",
        "equal",
        value=False,
        evidence=("answer_beginning",),
        where="answered",
        always=True,
    ),
    ColumnCheck(
        "missing_picture", "missing_picture", "present", "drop_missing_pictures", evidence=("missing_picture",)
    ),
    ColumnCheck("instruction_too_short", "instruction_words", "below", "min_instruction_words", origins=_INSTRUCTED),
    ColumnCheck("instruction_too_long", "instruction_words", "above", "max_instruction_words", origins=_INSTRUCTED),
    ColumnCheck("prompt_too_long", "prompt_words", "above", "max_prompt_words"),
    # A mark alone ("?", "√", ">") has no words and still answers: it counts as one.
    ColumnCheck("answer_too_short", "answer_words", "below", "min_answer_words", where="answer_has_text", least=1),
    ColumnCheck("answer_too_long", "answer_words", "above", "max_answer_words"),
    ColumnCheck("wrong_answer", "answer_check", "equal", "drop_wrong_answers", "failed", ("answer_found",)),
    ColumnCheck("refusal", "refusal", "equal", "drop_refusals", evidence=("refusal_phrase",)),
    ColumnCheck("repetitive", "repetition", "above", "max_repetition", evidence=("answer_beginning",)),
    ColumnCheck(
        "language_mismatch",
        "language_mismatch",
        "equal",
        "drop_language_mismatch",
        evidence=("prompt_language", "answer_language"),
    ),
    ColumnCheck(
        "defect", "defects", "holds", "drop_defects", evidence=("defects", "defect_spans"), where="answer_has_text"
    ),
    ColumnCheck("private_data", "privacy", "holds", "drop_privacy", evidence=("privacy", "privacy_spans")),
    ColumnCheck("unsafe", "unsafe", "holds", "drop_unsafe", evidence=("unsafe", "unsafe_spans")),
    ColumnCheck("wrong_sum", "arithmetic_wrong", "holds", "drop_wrong_sums", evidence=("arithmetic_wrong",)),
    ColumnCheck("judged_poor", "judge_score", "below", "min_judge_score", evidence=("judge_problem",)),
    ColumnCheck("language_not_wanted", "language", "not among", "languages", evidence=("language",)),
    ColumnCheck("blocked_word", "blocked_word", "present", "default_blocked_words", evidence=("blocked_word",)),
)
# Published rules are judged before anything else, the user's words after it.
_RULES_RANK, _TEXT_RANK = -1000, len(CHECKS)


def check_row(sample: Sample, values: Mapping[str, SignalValue], filters: Filters) -> list[Check]:
    """Every check that a row fails, the decisive one first; an empty list where it passes.

    Instructions are held to a length only where they are instructions (seeds and grown tasks); the default blocked words
    apply to grown tasks, a list in the settings to all rows. `filters.rules` holds grown rows to published rules alone.

    Args:
        sample: the row.
        values: all columns of all signals for it; None counts as nothing found.
        filters: the thresholds.
    """
    facts = {**values, **row_facts(sample), "language": sample.language}
    failed = [
        _failed_check(check, facts, filters)
        for check, fails in _applying(sample.origin, filters)
        if (value := facts.get(check.column)) is not None
        and (check.where is None or facts.get(check.where))
        and fails(value)
    ]
    texts = check_text(sample, filters)
    return [*texts, *failed] if _under_rules(sample, filters) else [*failed, *texts]


@lru_cache(64)
def _applying(origin: Origin, filters: Filters) -> tuple[tuple[ColumnCheck, Callable[[SignalValue], bool]], ...]:
    return tuple((check, _test(check, filters)) for check in CHECKS if check.applies(origin, filters))


def _failed_check(check: ColumnCheck, facts: Mapping[str, SignalValue], filters: Filters) -> Check:
    value, threshold = _measured(check, facts, filters)
    return Check(check.reason, value, threshold, evidence=_evidence(check, facts))


def _test(check: ColumnCheck, filters: Filters) -> Callable[[SignalValue], bool]:
    """Whether a value fails the check; made once for many rows."""
    limit = check.limit(filters)
    match check.fails:
        case "equal":
            return lambda value: value == check.value
        case "present":
            return lambda value: True
        case "not among":
            return lambda value: value not in (*limit, _UNNAMED_LANGUAGE)
        case "holds":
            return lambda value: isinstance(value, list) and any(limit is True or item in limit for item in value)
        case "above":
            return lambda value: bool(_as_number(value, check) > limit)
        case "below":
            return lambda value: bool(_as_number(value, check) < limit)


def _as_number(value: SignalValue, check: ColumnCheck) -> float:
    return max(float(value), check.least) if isinstance(value, int | float) else math.nan


def _measured(
    check: ColumnCheck, facts: Mapping[str, SignalValue], filters: Filters
) -> tuple[float, float] | tuple[None, None]:
    """The value and the threshold of a check that failed, where it has them."""
    value = facts[check.column]
    if check.fails not in ("above", "below") or value is None:
        return None, None
    return _as_number(value, check), float(check.limit(filters))


def _evidence(check: ColumnCheck, facts: Mapping[str, SignalValue]) -> str:
    values = (facts.get(column) or "" for column in check.evidence)
    return " → ".join(_LISTED.join(value) if isinstance(value, list) else str(value) for value in values)


def columns_needed(filters: Filters) -> set[str]:
    """The columns that `failed_checks` reads under these settings."""
    origins: tuple[Origin, ...] = ("generated", "imported")
    return {
        column
        for check in CHECKS
        if any(check.applies(origin, filters) for origin in origins)
        for column in check.columns
    }


def failed_checks(rows: pl.DataFrame, filters: Filters) -> pl.DataFrame:
    """Every check that rows fail, as `check_row` finds them, save those of `check_text`.

    Args:
        rows: row, origin, language and `columns_needed`; a column that was never measured may be missing.
        filters: the thresholds.

    Returns:
        One line for each failed check (`FAILED_SCHEMA`); `rank` is its place in the order of judging.
    """
    found = [pl.DataFrame(schema=FAILED_SCHEMA)]
    origins = rows["origin"].unique().to_list()
    for rank, check in enumerate(CHECKS):
        held = [origin for origin in origins if check.applies(origin, filters)]
        if not held or check.column not in rows.columns:
            continue
        failing = rows.lazy().filter(pl.col("origin").is_in(held), _failing(check, filters))
        measured = check.fails in ("above", "below")
        found.append(
            failing.select(
                "row",
                rank=pl.lit(rank, pl.Int32),
                reason=pl.lit(check.reason),
                value=_number(check) if measured else pl.lit(None, pl.Float64),
                threshold=pl.lit(float(check.limit(filters)) if measured else None, pl.Float64),
                of=pl.lit(None, pl.Int64),
                evidence=_evidence_column(check, rows.columns),
            ).collect()
        )
    return pl.concat(found)


def _failing(check: ColumnCheck, filters: Filters) -> pl.Expr:
    column, limit = pl.col(check.column), check.limit(filters)
    match check.fails:
        case "equal":
            failing = column == check.value
        case "present":
            failing = column.is_not_null()
        case "not among":
            failing = ~column.is_in([*limit, _UNNAMED_LANGUAGE])
        case "holds":
            unwanted = (
                column if limit is True else column.list.set_intersection(pl.lit(list(limit), pl.List(pl.String)))
            )
            failing = unwanted.list.len() > 0
        case "above":
            failing = _number(check) > limit
        case "below":
            failing = _number(check) < limit
    return (failing & pl.col(check.where)) if check.where is not None else failing


def _number(check: ColumnCheck) -> pl.Expr:
    # Polars holds NaN for larger than any number; for Python no comparison with it is true.
    return pl.col(check.column).cast(pl.Float64).fill_nan(None).clip(lower_bound=check.least)


def _evidence_column(check: ColumnCheck, present: Sequence[str]) -> pl.Expr:
    shown = [name for name in check.evidence if name in present]
    if not shown:
        return pl.lit("")
    listed = check.fails == "holds"
    columns = [pl.col(name).list.join(_LISTED) if listed else pl.col(name) for name in shown]
    return pl.concat_str([column.fill_null("") for column in columns], separator=" → ")


def _under_rules(sample: Sample, filters: Filters) -> bool:
    return filters.rules is not None and sample.origin == "generated"


def needs_text(filters: Filters) -> bool:
    """Whether `check_text` can find anything."""
    return filters.blocked_words is not None or filters.rules is not None


def check_text(sample: Sample, filters: Filters) -> Iterator[Check]:
    """The checks that need the instruction itself: the published rules for grown rows, else the user's blocked words."""
    if filters.rules is not None and _under_rules(sample, filters):
        yield from check_published(sample, filters.rules)
    elif filters.blocked_words is not None:
        word = find_blocked_word(task_text(sample), filters.blocked_words)
        if word is not None:
            yield Check("blocked_word", evidence=word)


def failed_texts(samples: Iterable[Sample], filters: Filters) -> pl.DataFrame:
    """`check_text` for many rows, as `failed_checks` gives its lines."""
    found = [
        (sample.row, place, check.reason, check.value, check.threshold, check.of, check.evidence)
        for sample in samples
        for place, check in enumerate(
            check_text(sample, filters), _RULES_RANK if _under_rules(sample, filters) else _TEXT_RANK
        )
    ]
    return pl.DataFrame(found, schema=FAILED_SCHEMA, orient="row")
