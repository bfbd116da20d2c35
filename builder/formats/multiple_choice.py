"""Questions with options, as C-Eval, CMMLU, MMLU, ARC and exam sheets have them: the options go into the prompt, and the answer is
the letter with its text.

{"question": "地球的卫星是？", "A": "火星", "B": "月球", "answer": "B", "explanation": "…"}
{"question": "Which is prime?", "choices": ["4", "6", "7", "9"], "answer": 2}
    instruction: Which is prime?    input: A. 4 ⏎ B. 6 ⏎ C. 7 ⏎ D. 9    answer: C. 7
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from builder.formats.columns import find_column, find_columns, fold_name
from builder.formats.options import LETTERS, as_number, chosen, may_be_options, read_options
from builder.formats.row_format import Row, RowError, RowFormat, SampleParts, any_value, optional_text, text_of
from builder.language.messages import worded
from builder.schema import compose_prompt, task_messages
from builder.text import detect_language

_OPTION = "option_"  # our field for a column that holds one option
_NUMBERED_FROM = (
    "numbered_from"  # our field for what the numbers of a file's answers begin with; None where they are texts
)

# A column of one option: its letter or number, and the word before or behind it.
_LETTERED = re.compile(r"(?:(选项|答案选项|option|choice|opt|op|answer)_?)?([a-l])(_?选项)?")
_PLACED = re.compile(r"(选项|option|choice)_?([1-9]|[一二三四五六七八九])")
_CHINESE_DIGITS = "一二三四五六七八九"
_ANNOUNCED = re.compile(r"(?:答案)?解析[:：]\s*|解释[:：]\s*|explanation:\s*", re.IGNORECASE)


def detect(columns: Sequence[str], rows: Sequence[Row]) -> dict[str, str] | None:
    """Field → column where there are a question, options and an answer, else None."""
    question = find_column(columns, "question", "instruction")
    options = _option_columns(columns, rows)
    named = [find_column(columns, name) for name in ("choice", "answer", "output", "label")]
    candidates = [column for column in named if column is not None and _may_choose(rows, column)]
    if question is None or not candidates or not options:
        return None
    answer = next((one for one in candidates if any_value(rows, one) is not None), candidates[0])
    found = {"instruction": question}
    task = find_column(columns, "instruction")
    if task is not None and task != question:  # what to do, beside what is asked
        found = {"instruction": task, "question": question}
    found |= find_columns([column for column in columns if column != answer], "input", "system", "explanation")
    return found | options | {"output": answer}


def _option_columns(columns: Sequence[str], rows: Sequence[Row]) -> dict[str, str]:
    """Field → column for a column of options, or for columns that are named after letters or numbers from the first of these on."""
    column = find_column(columns, "options")
    glimpse = None if column is None else any_value(rows, column)
    if column is not None and may_be_options(glimpse):
        return {"options": column}
    series: dict[str, dict[int, str]] = {}
    for column in columns:
        name = fold_name(column)
        if lettered := _LETTERED.fullmatch(name):
            kind, place = f"letter {lettered[1]} {lettered[3]}", LETTERS.index(lettered[2].upper())
        elif placed := _PLACED.fullmatch(name):
            kind, place = f"number {placed[1]}", int(_CHINESE_DIGITS.find(placed[2]) + 1 or placed[2]) - 1
        else:
            continue
        series.setdefault(kind, {})[place] = column
    found = max(series.values(), key=len, default={})
    if len(found) < 2 or {*found} != {*range(len(found))}:
        return {}
    return {f"{_OPTION}{LETTERS[place].lower()}": found[place] for place in range(len(found))}


def _may_choose(rows: Sequence[Row], column: str) -> bool:
    """Whether a glimpse of the answers may be a letter, a number or a text."""
    glimpse = any_value(rows, column)
    return glimpse is None or (isinstance(glimpse, str | int | float | list) and not isinstance(glimpse, bool))


def survey(rows: Iterable[Row]) -> dict[str, Any]:
    """What numbers among the answers of a file mean: places from 0 or from 1 on, or the texts of options.

    Places begin with 1 where that alone fits all rows; where both fit they begin with 0, as in MMLU. A number in a text is an
    option's text where it is one in every row.
    """
    from_zero = from_one = texts = written = True
    numbers = 0
    for row in rows:
        number = as_number(row.get("output"))
        if number is None or number == -1:
            continue
        try:
            options = _options(row)
        except RowError:  # told where the row is read
            continue
        if not options or str(number) in options:
            continue
        numbers += 1
        from_zero = from_zero and 0 <= number < len(options)
        from_one = from_one and 1 <= number <= len(options)
        texts = texts and str(row["output"]).strip() in options.values()
        written = written and isinstance(row["output"], str)
    if numbers and texts and (written or not (from_zero or from_one)):
        return {_NUMBERED_FROM: None}
    return {_NUMBERED_FROM: int(from_one and not from_zero)}


def read(row: Row) -> list[SampleParts]:
    """One sample. A row without options is a plain question; one without an answer has an empty one.

    Raises:
        RowError: a field is not text, or the options are no list of texts.
    """
    instruction, asked = text_of(row, "instruction"), optional_text(row, "question")
    question = asked if asked is not None else instruction
    options = _options(row)
    given = [asked, optional_text(row, "input"), None if _lists(question, options) else _listed(options)]
    if not options and isinstance(row.get("options"), str):
        given.append(row["options"].strip())  # options in a form of their own
    added = "\n\n".join(text for text in given if text) or None
    if not question.strip():
        instruction, added = "", None  # options alone ask nothing
    answer, notes = _answer(row, options)
    explanation = _ANNOUNCED.sub("", (optional_text(row, "explanation") or "").strip(), count=1)
    if answer and explanation:
        chinese = detect_language(compose_prompt(instruction, added)) == "zh"
        answer += f"\n\n{'解析：' if chinese else 'Explanation: '}{explanation}"
    messages = task_messages(instruction, added, answer, optional_text(row, "system"))
    return [SampleParts(messages, instruction=instruction, input=added, notes=notes)]


def _options(row: Row) -> dict[str, str]:
    if "options" in row:
        return read_options(row["options"])
    return read_options([row.get(f"{_OPTION}{letter.lower()}") for letter in LETTERS])


def _listed(options: Mapping[str, str]) -> str:
    return "\n".join(f"{label}. {text}" for label, text in options.items())


def _lists(question: str, options: Mapping[str, str]) -> bool:
    """Whether a question lists its options itself."""
    said = "".join(question.split())
    return bool(options) and all(
        any(f"{label}{mark}{''.join(text.split())}" in said for mark in ".．、)）:：")
        for label, text in options.items()
    )


def _answer(row: Row, options: Mapping[str, str]) -> tuple[str, tuple[str, ...]]:
    """The chosen options with their letters, as the prompt lists them; what is none of them stays as it is.

    Numbers and letters that name no option are noted; a text may be an answer in words.
    """
    value = row.get("output")
    number, first = as_number(value), row.get(_NUMBERED_FROM, 0)
    if isinstance(value, list):
        labels = [label for one in value for label in chosen(text_of({"output": one}, "output"), options)]
        said = ", ".join(map(str, value))
    elif number is not None and first is not None and options and str(number) not in options:
        if number == -1:  # a test split of `datasets`
            return "", ()
        labels, said = [*options][number - first :][:1] if number >= first else [], str(value)
    else:
        said = text_of(row, "output").strip()
        labels = chosen(said, options)
    if labels:
        return _listed({label: options[label] for label in labels}), ()
    odd = bool(options) and (number is not None or len(said) == 1 or isinstance(value, list)) and bool(said)
    return said, (worded("its answer is none of its options"),) if odd else ()


MULTIPLE_CHOICE = RowFormat(
    name="multiple_choice",
    title={"en": "multiple-choice questions", "zh": "选择题"},
    expects="question + options (A, B, …, or a list) + answer",
    required=("instruction",),
    detect=detect,
    read=read,
    survey=survey,
)
