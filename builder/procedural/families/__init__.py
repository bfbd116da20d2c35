"""Procedural task families: tasks whose answers are computed, hence right.

    task = make_task(random.Random(7), language="en", families=FAMILIES, categories=None, instances=2, max_depth=3)
    task.instruction          "Given the lap times of the runners, first …, then …"
    task.instances[0].input   "31, 58, 90, 44, 77"
    answer(task.instruction, task.instances[0].input) == task.instances[0].output

To add a family, write its `Operation` into the file of its input kind; a new file gets its line in `catalogue.OPERATIONS`.
"""

from builder.procedural.families.catalogue import FAMILIES, LEARNABLE
from builder.procedural.families.operation import LANGUAGES, Language, Operation
from builder.procedural.families.tasks import (
    ProceduralInstance,
    ProceduralTask,
    Recognised,
    answer,
    make_task,
    recognise,
)
from builder.procedural.families.variations import broaden, converse, deepen, draw_inputs, list_labels, rephrase

__all__ = [
    "FAMILIES",
    "LANGUAGES",
    "LEARNABLE",
    "Language",
    "Operation",
    "ProceduralInstance",
    "ProceduralTask",
    "Recognised",
    "answer",
    "broaden",
    "converse",
    "deepen",
    "draw_inputs",
    "list_labels",
    "make_task",
    "recognise",
    "rephrase",
]
