"""The table of all families, and the part of it that a tiny model can learn."""

from collections.abc import Mapping
from types import MappingProxyType

from builder.procedural.families import (
    clock,
    dates,
    dialogues,
    identifiers,
    notices,
    number_lists,
    numbers,
    pairs,
    private_messages,
    programs,
    quantities,
    records,
    reviews,
    scalars,
    spelling,
    tables,
    words,
)
from builder.procedural.families.operation import AnyOperation
from builder.text import word_list

OPERATIONS: tuple[AnyOperation, ...] = (
    *number_lists.OPERATIONS,
    *numbers.OPERATIONS,
    *pairs.OPERATIONS,
    *scalars.OPERATIONS,
    *words.OPERATIONS,
    *spelling.OPERATIONS,
    *dates.OPERATIONS,
    *clock.OPERATIONS,
    *tables.OPERATIONS,
    *records.OPERATIONS,
    *quantities.OPERATIONS,
    *reviews.OPERATIONS,
    *notices.OPERATIONS,
    *dialogues.OPERATIONS,
    *private_messages.OPERATIONS,
    *identifiers.OPERATIONS,
    *programs.OPERATIONS,
)

FAMILIES: Mapping[str, AnyOperation] = MappingProxyType({operation.name: operation for operation in OPERATIONS})

# Short inputs from closed pools and answers of one to three tokens that no constant guess gets right; what a model of
# 0.66 M parameters cannot learn in three minutes (sums, sorting, JSON, look-ups) is left out.
LEARNABLE: frozenset[str] = frozenset(
    word_list(
        "date_half date_month date_quarter date_season number_band number_parity pair_compare review_sentiment"
        " term_upper_case time_part word_category word_length words_count words_first"
    )
)
