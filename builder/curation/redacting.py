"""Rows without the personal data and secrets that they held: a new row for each, and the old one is dropped for it.

    row 17  "Write to li.wei@qq.com; li.wei@qq.com answers."      dropped: redacted, of row 90
    row 90  "Write to [EMAIL_1]; [EMAIL_1] answers."              redaction_of 17, parents (id of row 17,)

In a Chinese row the same names are [邮箱_1], [电话_1] and so on.
"""

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import polars as pl

from builder.answers import AnswerKey, AnswerKeyError, check_answer
from builder.pictures import with_texts
from builder.schema import Sample, compose_prompt
from builder.signals.given import JUDGE
from builder.signals.privacy import FULL_WIDTH, find_private, private_texts

_NAMES = {
    "email": ("EMAIL", "邮箱"),
    "phone": ("PHONE", "电话"),
    "identity_number": ("ID_NUMBER", "身份证号"),
    "social_security": ("SSN", "社会安全号"),
    "passport": ("PASSPORT", "护照号"),
    "bank_card": ("CARD", "银行卡号"),
    "iban": ("IBAN", "IBAN"),
    "ip_address": ("IP_ADDRESS", "IP地址"),
    "secret": ("SECRET", "密钥"),
}
_LOCAL_DIGITS = 10  # of a phone number, without the country's: 11 in mainland China begin with a 1, 10 in North America


class Placeholders:
    """The names that stand for the private values of one row: the same value gets the same one, in any width and spacing.

    Args:
        language: of the row; `zh` gives Chinese names.
        taken: texts that hold some such names already; those are not given again.
    """

    def __init__(self, language: str, taken: Iterable[str] = ()) -> None:
        self._native = 1 if language == "zh" else 0
        self._taken = "\0".join(taken)
        self._given: dict[tuple[str, str], str] = {}
        self._counts = dict.fromkeys(_NAMES, 0)

    def name(self, kind: str, value: str) -> str:
        """The name of a value, such as [EMAIL_1]."""
        key = kind, _same_value(kind, value)
        while key not in self._given:
            self._counts[kind] += 1
            name = f"[{_NAMES[kind][self._native]}_{self._counts[kind]}]"
            if name not in self._taken:
                self._given[key] = name
        return self._given[key]


def _same_value(kind: str, value: str) -> str:
    folded = value.translate(FULL_WIDTH)
    if kind == "secret":
        return folded
    if kind in ("email", "ip_address"):
        return folded.casefold()
    if kind in ("passport", "iban"):
        return re.sub(r"[^0-9A-Z]", "", folded.upper())
    digits = re.sub(r"[^0-9X]", "", folded.upper())
    return digits[-_LOCAL_DIGITS:] if kind == "phone" else digits


def redact(text: str, names: Placeholders) -> str:
    """The text with every private value replaced by its name. Redacting again changes nothing.

    A text that is a JSON object or list stays one: a number in it becomes a string.
    """
    if text.lstrip()[:1] in ("{", "["):
        text = _redact_json(text, names)
    # What stands beside a value may be one only when that is gone; each round removes at least one.
    while spans := find_private(text):
        pieces, end = [], 0
        for span in spans:
            pieces += [text[end : span.start], names.name(span.kind, text[span.start : span.end])]
            end = span.end
        text = "".join(pieces) + text[end:]
    return text


def _redact_json(text: str, names: Placeholders) -> str:
    try:
        value = json.loads(text)
        redacted = _redact_value(value, lambda part: redact(part, names))
        if redacted == value:
            return text
        return json.dumps(redacted, ensure_ascii="\\u" in text, indent=2 if "\n" in text.strip() else None)
    except (ValueError, RecursionError):
        return text  # no JSON, or nested too deeply: words like any other


def _redact_value(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, dict):
        return {change(key): _redact_value(item, change) for key, item in value.items()}
    if isinstance(value, list):
        return [_redact_value(item, change) for item in value]
    if isinstance(value, str):
        return change(value)
    if isinstance(value, int | float) and not isinstance(value, bool) and change(str(value)) != str(value):
        return change(str(value))
    return value


def redact_row(sample: Sample, row: int) -> Sample:
    """The row without anything private, as a new row of the same task.

    Instruction and input are left out where what they compose to still holds something private, and the key where it
    asks for a number that is gone, or the answer passed it before and would not now.

    Args:
        sample: the old row, which becomes the parent.
        row: the new row's number.
    """
    names = Placeholders(sample.language, private_texts(sample))

    def change(text: str | None) -> str | None:
        return None if text is None else redact(text, names)

    instruction, given = change(sample.instruction), change(sample.input)
    messages = [
        replace(
            with_texts(turn, lambda text: redact(text, names)),
            tool_calls=change(turn.tool_calls),
            name=change(turn.name),
            reasoning=change(turn.reasoning),
        )
        for turn in sample.messages
    ]
    if instruction is not None:
        before, whole = compose_prompt(sample.instruction or "", sample.input), compose_prompt(instruction, given)
        first = next((place for place, turn in enumerate(messages) if turn.role == "user"), None)
        of_text = first is not None and sample.messages[first].content == before and not find_private(whole)
        if first is not None and of_text and (messages[first].parts is None or messages[first].content == whole):
            messages[first] = replace(messages[first], content=whole)
        else:
            instruction = given = None
    new = replace(
        sample,
        row=row,
        messages=tuple(messages),
        tools=change(sample.tools),
        rejected=change(sample.rejected),
        instruction=instruction,
        input=given,
        parents=(sample.id,),
        redaction_of=sample.row,
        mended=(),  # the texts as the file has them hold what is private, and stay with the old row
    )
    return replace(new, answer_key=_redact_key(sample, new, names))


def _redact_key(old: Sample, new: Sample, names: Placeholders) -> str | None:
    if old.answer_key is None:
        return None
    try:
        key = AnswerKey.from_json(old.answer_key)
    except AnswerKeyError:
        return old.answer_key  # curation names such a row
    changed = replace(key, answer=redact(key.answer, names))
    if changed != key and key.check == "number":
        return None  # every [PHONE_1] would be the number 1
    if check_answer(key, old.answer).passed and not check_answer(changed, new.answer).passed:
        return None
    return changed.to_json()


def replaced_rows(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows that have a redaction.

    Args:
        rows: row, redaction_of and forced (see `decide_rows`); rows that are forced are not among the results.

    Returns:
        row, reason `redacted` and of: the first redaction.
    """
    first = (
        rows.filter(pl.col("redaction_of").is_not_null())
        .group_by(row=pl.col("redaction_of"))
        .agg(of=pl.col("row").min(), reason=pl.lit("redacted").first())
    )
    return rows.filter(~pl.col("forced")).select("row").join(first, on="row", how="inner").select("row", "reason", "of")


def with_inherited_marks(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows in which a redaction without a judge's mark has that of the row that it stands for."""
    marks = [name for name, _ in JUDGE.columns if name in rows.columns]
    if not marks or rows["redaction_of"].null_count() == len(rows):
        return rows
    originals = rows.select(
        pl.col("row").alias("redaction_of"), *(pl.col(name).alias(f"{name} before") for name in marks)
    )
    joined = rows.join(originals, on="redaction_of", how="left", maintain_order="left")
    # A mark and what was found wrong go together.
    lacking = pl.all_horizontal(pl.col(name).is_null() for name in marks)
    return joined.with_columns(
        pl.when(lacking).then(pl.col(f"{name} before")).otherwise(pl.col(name)).alias(name) for name in marks
    ).select(rows.columns)
