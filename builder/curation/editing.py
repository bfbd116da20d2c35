"""A row that a person edited: a new row of the same task, with the texts of some turns replaced; the old one is dropped for it.

row 17  "Who wrote Faust?" "Schiller."      dropped: edited, of row 90
row 90  "Who wrote Faust?" "Goethe."        source review:5d41…, parents (id of row 17,)
"""

from dataclasses import replace

from builder.answers import AnswerKey, AnswerKeyError, check_answer
from builder.errors import UsageError
from builder.language.messages import worded
from builder.schema import Sample
from builder.text import has_text

Edit = tuple[tuple[int, str], ...]


def check_edit(sample: Sample, edit: Edit) -> None:
    """Refuse an edit that makes no row.

    Raises:
        UsageError: there is no such turn, it holds pictures, or nothing would be left of it.
    """
    for turn, text in edit:
        if not 0 <= turn < len(sample.messages):
            raise UsageError(
                worded(
                    "row {row}: it has no turn {turn}, it has {messages}",
                    row=sample.row,
                    turn=turn + 1,
                    messages=len(sample.messages),
                )
            )
        if sample.messages[turn].parts is not None:
            raise UsageError(
                worded(
                    "row {row}: turn {turn} holds pictures and cannot be edited as a text",
                    row=sample.row,
                    turn=turn + 1,
                ),
                worded("Keep or drop the row."),
            )
        if not has_text(text):
            raise UsageError(
                worded("row {row}: nothing is left of turn {turn}", row=sample.row, turn=turn + 1),
                worded("Write a text, or drop the row instead."),
            )


def edited_row(sample: Sample, row: int, edit: Edit, source: str) -> Sample:
    """The row as a person edited it.

    Instruction and input follow the first user turn. The key is left out where the answer passed it before and would not now.

    Args:
        sample: the old row, which becomes the parent.
        row: the new row's number.
        source: of the new row.

    Raises:
        UsageError: as `check_edit` has it.
    """
    check_edit(sample, edit)
    messages = list(sample.messages)
    for turn, text in edit:
        messages[turn] = replace(messages[turn], content=text)
    instruction, given = sample.instruction, sample.input
    first = next((place for place, turn in enumerate(messages) if turn.role == "user"), None)
    if first is not None and instruction is not None and messages[first].content != sample.messages[first].content:
        instruction, given = _parted(messages[first].content, instruction, given)
    new = replace(
        sample,
        row=row,
        messages=tuple(messages),
        instruction=instruction,
        input=given,
        source=source,
        parents=(sample.id,),
        mended=(),
        request_id=None,  # no reply holds it
    )
    return replace(new, answer_key=_key_of(sample, new))


def _parted(prompt: str, instruction: str, given: str | None) -> tuple[str, str | None]:
    """Instruction and input of a prompt: whichever of the two it still holds tells where the other is."""
    if given:
        if prompt.endswith(f"\n\n{given}"):
            return prompt.removesuffix(f"\n\n{given}"), given
        if prompt.startswith(f"{instruction}\n\n"):
            return instruction, prompt.removeprefix(f"{instruction}\n\n")
    return prompt, None


def _key_of(old: Sample, new: Sample) -> str | None:
    if old.answer_key is None or new.answer == old.answer:
        return old.answer_key
    try:
        key = AnswerKey.from_json(old.answer_key)
    except AnswerKeyError:
        return old.answer_key  # curation names such a row
    return None if check_answer(key, old.answer).passed and not check_answer(key, new.answer).passed else old.answer_key
