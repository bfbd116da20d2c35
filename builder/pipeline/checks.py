"""What the checks before admission came to and what they cost, and the table that says how each row was checked."""

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from builder.generation.grow import Grown
from builder.recipes.recipe import CheckName
from builder.requests.spending import read_usage
from builder.store.dataset_folder import DatasetFolder

CHECKED_SCHEMA = pa.schema(
    [
        pa.field("row", pa.int64(), nullable=False),
        pa.field("checked_by", pa.string()),
        pa.field("agreement", pa.float64()),
        pa.field("judge_score", pa.float64()),
        pa.field("repaired", pa.bool_()),
    ]
)
_CHECKS: tuple[CheckName, ...] = ("key", "agreement", "judge")
_STEPS = ("generation", "agreement", "judge", "repair")
_VERDICTS = ("passed", "failed", "undecided")


def checked_table(grown: Grown) -> pa.Table:
    """How each row was checked: `checked_by` joins the checks that gave a verdict with `+`, null where none did."""
    records = [
        {"row": sample.row, **{name: values.get(name) for name in CHECKED_SCHEMA.names[1:]}}
        for sample, values in zip(grown.samples, grown.signals, strict=True)
    ]
    return pa.Table.from_pylist(records, schema=CHECKED_SCHEMA)


def count_checks(folder: DatasetFolder, grown: Grown) -> Mapping[str, Any]:
    """The block `checks` of report.json.

    Returns:
        - by: {check: {passed, failed, undecided}}, of the candidates that were held against it;
        - repairs: {asked, written, passed};
        - rows: {checked, unchecked}, of the grown rows: whether a check gave a verdict;
        - cost: {generation, agreement, judge, repair: {requests, tokens}}, of the jobs that were read, failed attempts and
          lost replies (at their ceiling) with them.
    """
    tally = grown.checks
    by = {check: {verdict: tally.verdicts[check, verdict] for verdict in _VERDICTS} for check in _CHECKS}
    cost = {step: {"requests": 0, "tokens": 0} for step in _STEPS}
    for usage in read_usage(folder.ledger):
        if usage.read_order is not None:
            spent = cost[tally.steps.get((usage.job, usage.step), "generation")]
            spent["requests"] += 1
            spent["tokens"] += usage.tokens
    checked = sum(values.get("checked_by") is not None for values in grown.signals)
    return {
        "by": {check: counts for check, counts in by.items() if any(counts.values())},
        "repairs": {name: tally.repairs[name] for name in ("asked", "written", "passed")},
        "rows": {"checked": checked, "unchecked": grown.rows - checked},
        "cost": {step: spent for step, spent in cost.items() if spent["requests"]},
    }
