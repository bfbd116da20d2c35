"""Conversations as lists of rounds, each with its question and its answer, and no roles.

{"conversation": [{"human": "…", "assistant": "…"}, {"human": "…", "assistant": "…"}]}      MOSS and BELLE as Firefly has them
{"conversation": [{"system": "…", "input": "…", "output": "…"}, {"input": "…", "output": "…"}]}      XTuner
{"对话": [{"问": "…", "答": "…"}]}, {"qa": [{"question": "…", "answer": "…"}]}
"""

from collections.abc import Mapping, Sequence
from typing import Any

from builder.formats.columns import NAMES, find_columns, fold_name
from builder.formats.row_format import Row, RowError, RowFormat, SampleParts, kind_of, optional_text, text_of
from builder.formats.turns import canonical_tools, load_json, with_system
from builder.language.messages import worded
from builder.schema import Message

_KEYS = (
    *(("human", "assistant"), ("user", "assistant"), ("human", "gpt"), ("question", "answer"), ("input", "output")),
    *(("instruction", "output"), ("prompt", "response"), ("query", "response"), ("q", "a"), ("问", "答")),
    *(("问题", "回答"), ("问题", "答案"), ("提问", "回答"), ("用户", "助手"), ("客户", "客服")),
)
_COLUMNS = (
    *NAMES["conversations"],
    *NAMES["messages"],
    *("chat", "dialog", "rounds", "turns", "qa", "qas", "qa_pairs", "多轮对话", "问答", "问答对"),
)


def detect(columns: Sequence[str], rows: Sequence[Row]) -> dict[str, str] | None:
    """Field → column where a column of conversations begins with a round, else None."""
    folded = {fold_name(column): column for column in reversed(columns)}
    for name in _COLUMNS:
        value = rows[0].get(folded[name]) if name in folded else None
        if isinstance(value, list) and value and isinstance(value[0], Mapping) and _keys(value[0]) is not None:
            return {"rounds": folded[name]} | find_columns(columns, "system", "tools")
    return None


def _keys(item: Mapping[str, Any]) -> tuple[str, str] | None:
    """The keys of a round that hold the question and the answer, or None where it is none."""
    folded = {fold_name(str(key)): key for key in item}
    if folded.keys() & {"role", "from"}:
        return None
    return next(((folded[asks], folded[answers]) for asks, answers in _KEYS if {asks, answers} <= folded.keys()), None)


def read(row: Row) -> list[SampleParts]:
    """One sample of all rounds.

    Raises:
        RowError: a round lacks its question or its answer, or they are not text.
    """
    value = row.get("rounds")
    if isinstance(value, str):
        value = load_json(value, "'rounds'")
    if not isinstance(value, list) or not value:
        raise RowError(
            worded(
                "'rounds' holds {kind_of}, expected a list of rounds with a question and an answer",
                kind_of=kind_of(value),
            )
        )
    turns: list[Message] = []
    system, unused = optional_text(row, "system"), dict[str, None]()
    for number, item in enumerate(value, 1):
        keys = _keys(item) if isinstance(item, Mapping) else None
        if keys is None:
            raise RowError(
                worded(
                    "round {number} holds no question and answer (human/assistant, question/answer, input/output …)",
                    number=number,
                )
            )
        turns += [Message("user", text_of(item, keys[0])), Message("assistant", text_of(item, keys[1]))]
        if number == 1 and not system:
            system = optional_text(item, "system")
        unused |= {str(key): None for key in item if key not in keys and (key, number) != ("system", 1) and item[key]}
    messages, kept = with_system(tuple(turns), system)
    notes = [*kept]
    if unused:
        notes.append(worded("keys of its rounds were not used: {unused}", unused=", ".join(unused)))
    return [SampleParts(messages, canonical_tools(row.get("tools")), notes=tuple(notes))]


ROUNDS = RowFormat(
    name="rounds",
    title={"en": "rounds of question and answer", "zh": "一问一答的多轮对话"},
    expects="conversation (a list of human/assistant, question/answer …)",
    required=("rounds",),
    detect=detect,
    read=read,
)
