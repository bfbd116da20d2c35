"""Questions about a text, with answers found in it: SQuAD and what is laid out like it (CMRC 2018, DRCD, DuReader robust).

{"context": "…", "question": "…", "answers": {"text": ["…", "…"], "answer_start": [17, 17]}}        one question a row
{"data": [{"title": "…", "paragraphs": [{"context": "…", "qas": [{"question": "…", "answers": [{"text": "…"}]}]}]}]}

The first answer is taken: the others are what further readers marked for the same question. (Source: the data format that the
SQuAD explorer and the cards of these sets describe.)
"""

from collections.abc import Mapping, Sequence
from typing import Any

from builder.formats.columns import fold_name, truth
from builder.formats.row_format import Row, RowError, RowFormat, SampleParts, kind_of, optional_text, text_of
from builder.formats.turns import load_json
from builder.language.messages import worded
from builder.schema import Message, compose_prompt


def detect(columns: Sequence[str], rows: Sequence[Row]) -> dict[str, str] | None:
    """Field → column where there are a context, a question and nested answers, else None."""
    folded = {fold_name(column): column for column in columns}
    if any(name not in folded for name in ("context", "question", "answers")):
        return None
    glimpse = rows[0].get(folded["answers"])
    if not isinstance(glimpse, list | dict) and not (isinstance(glimpse, str) and glimpse.startswith(("{", "["))):
        return None
    marks = {name: folded[name] for name in ("is_impossible", "id") if name in folded}
    return {name: folded[name] for name in ("question", "context", "answers")} | marks


def detect_documents(columns: Sequence[str], rows: Sequence[Row]) -> dict[str, str] | None:
    """Field → column where rows are documents with paragraphs, else None."""
    folded = {fold_name(column): column for column in columns}
    column = folded.get("paragraphs")
    glimpse = None if column is None else rows[0].get(column)
    if column is None or not isinstance(glimpse, list) or not glimpse or "qas" not in glimpse[0]:
        return None
    return {"paragraphs": column}


def read(row: Row) -> list[SampleParts]:
    """One sample; without an answer where the question has none.

    Raises:
        RowError: the answers are laid out in another way.
    """
    return [_sample(row, text_of(row, "context"))]


def read_documents(row: Row) -> list[SampleParts]:
    """One sample for each question of each paragraph.

    Raises:
        RowError: a paragraph has no questions, or the answers are laid out in another way.
    """
    samples = []
    for number, paragraph in enumerate(_objects(row.get("paragraphs"), "'paragraphs'"), 1):
        context = text_of(paragraph, "context")
        samples += [
            _sample(asked, context)
            for asked in _objects(paragraph.get("qas"), worded("paragraph {number}, 'qas'", number=number))
        ]
    return samples


def _objects(value: Any, where: str) -> list[Mapping[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(item, Mapping) for item in value):
        raise RowError(
            worded("{where} holds {kind_of}, expected a list of objects", where=where, kind_of=kind_of(value))
        )
    return value


def _sample(asked: Row, context: str) -> SampleParts:
    question = text_of(asked, "question")
    if "question" not in asked:
        raise RowError(worded("a question is missing (keys: {asked})", asked=", ".join(map(str, asked))))
    answers = _answers(asked.get("answers"))
    impossible = truth(asked.get("is_impossible")) is True
    messages: tuple[Message, ...] = (Message("user", compose_prompt(question, context)),)
    notes: tuple[str, ...] = ()
    if answers and not impossible:
        messages = (*messages, Message("assistant", answers[0]))
    else:
        notes = (worded("its question is marked as one that the text does not answer"),)
    return SampleParts(
        messages, instruction=question, input=context, task_id=optional_text(asked, "id") or None, notes=notes
    )


def _answers(value: Any) -> list[str]:
    """The texts of `{"text": […]}`, `[{"text": …}]` or a plain list of texts."""
    if isinstance(value, str):
        value = load_json(value, "'answers'") if value.strip() else None
    texts = value.get("text") if isinstance(value, Mapping) else value
    if texts is None:
        return []
    if isinstance(texts, str):
        texts = [texts]
    if isinstance(texts, list):
        texts = [item.get("text") if isinstance(item, Mapping) else item for item in texts]
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise RowError(worded('\'answers\' must be {{"text": […], "answer_start": […]}} or a list of {{"text": …}}'))
    return [text for text in texts if text.strip()]


SQUAD = RowFormat(
    name="squad",
    title={"en": "questions about a text (SQuAD)", "zh": "阅读理解（SQuAD）"},
    expects="context + question + answers (text, answer_start)",
    required=("question", "context", "answers"),
    detect=detect,
    read=read,
)
SQUAD_DOCUMENTS = RowFormat(
    name="squad_documents",
    title={"en": "documents with questions (SQuAD)", "zh": "文档与问题（SQuAD）"},
    expects="",
    required=("paragraphs",),
    detect=detect_documents,
    read=read_documents,
)
