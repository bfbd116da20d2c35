"""Self-Instruct tasks: `instruction` and `instances` ([{input, output}, …]); every instance is a sample of one task."""

from collections.abc import Mapping, Sequence
from typing import Any

from builder.formats.columns import find_column, find_columns
from builder.formats.row_format import Row, RowError, RowFormat, SampleParts, kind_of, optional_text, text_of
from builder.formats.turns import load_json
from builder.language.messages import worded
from builder.schema import task_messages


def detect(columns: Sequence[str], rows: Sequence[Row]) -> dict[str, str] | None:
    """Field → column where there are an instruction and instances, else None."""
    found = find_columns(columns, "instruction", "instances")
    task = find_column(columns, "task_id", "id")
    if "instruction" not in found or "instances" not in found:
        return None
    return found if task is None else {"task_id": task} | found


def parse_instances(value: Any) -> tuple[tuple[str, str], ...]:
    """The (input, output) pairs of a task.

    Raises:
        RowError: no list, no instance, or an instance that is not an object with an output.
    """
    if isinstance(value, str):
        value = load_json(value, "'instances'")
    if not isinstance(value, list):
        raise RowError(
            worded("'instances' holds {kind_of}, expected a list of {{input, output}}", kind_of=kind_of(value))
        )
    if not value:
        raise RowError(worded("'instances' is an empty list, expected at least one {{input, output}}"))
    pairs = []
    for number, instance in enumerate(value, 1):
        if not isinstance(instance, Mapping) or "output" not in instance:
            raise RowError(
                worded("'instances', number {number}: expected an object with input and output", number=number)
            )
        pairs.append((text_of(instance, "input"), text_of(instance, "output")))
    return tuple(pairs)


def read(row: Row) -> list[SampleParts]:
    """One sample for each instance, all with the row's `id` as their task.

    Raises:
        RowError: the instruction is not text, or the instances cannot be read.
    """
    instruction = text_of(row, "instruction")
    return [
        SampleParts(
            messages=task_messages(instruction, added, output),
            instruction=instruction,
            input=added,
            task_id=optional_text(row, "task_id"),
        )
        for added, output in parse_instances(row.get("instances"))
    ]


SELF_INSTRUCT = RowFormat(
    name="self_instruct",
    title={"en": "Self-Instruct tasks", "zh": "Self-Instruct 任务"},
    expects="instruction + instances",
    required=("instruction", "instances"),
    detect=detect,
    read=read,
)
