"""Question and answer, or instruction and response, under the names that files use in English and Chinese."""

from collections.abc import Sequence

from builder.formats import alpaca
from builder.formats.columns import find_column, find_columns
from builder.formats.row_format import Row, RowFormat


def detect(columns: Sequence[str], rows: Sequence[Row]) -> dict[str, str] | None:
    """Field → column where one column asks and another answers, else None.

    A file with only an input and an output asks with its input.
    """
    asks = find_column(columns, "instruction", "question", "input")
    answers = find_column(columns, "output", "answer")
    if asks is None or answers is None or asks == answers:
        return None
    found = {"instruction": asks} | find_columns(columns, "input", "system", "history", "tools") | {"output": answers}
    if found.get("input") == asks:
        del found["input"]
    return found


PAIRS = RowFormat(
    name="pairs",
    title={"en": "question–answer pairs", "zh": "问答对"},
    expects="question + answer, prompt + response, 问题 + 回答 …",
    required=("instruction", "output"),
    detect=detect,
    read=alpaca.read,
)
