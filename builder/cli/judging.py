"""The command that has a teacher mark the answers of a dataset."""

from typing import TYPE_CHECKING, Annotated

import typer

from builder.cli.options import AsJson, LocalFolder, Overrides, Quiet, SettingsFile, print_json, reporter, tell
from builder.language.chinese import spoken
from builder.language.messages import worded

if TYPE_CHECKING:
    from builder.pipeline.judging import Judging


def judge(
    folder: LocalFolder,
    kept: Annotated[bool, typer.Option("--kept", help="Only rows that the last decision keeps.")] = False,
    again: Annotated[
        bool, typer.Option("--again", help="Ask again where the reply could not be read or the endpoint refused.")
    ] = False,
    sample: Annotated[
        int | None, typer.Option(min=1, help="Mark so many rows in all, drawn at random; the same ones when run again.")
    ] = None,
    settings: SettingsFile = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Have the teacher mark every answer that has no mark yet.

    Marks from 1 to 5 by a rubric, in signals/judge.parquet. Name the teacher with --set teacher.model=… and cap it with
    --set budget.max_cost=…; run again to go on where it stopped.
    """
    from builder.pipeline.judging import judge_folder

    done = judge_folder(folder, settings, overrides or (), reporter(quiet), kept_only=kept, again=again, sample=sample)
    if as_json:
        print_json(done.as_record())
    else:
        _print(done)
    if done.ending is not None:
        raise done.ending


def _print(done: "Judging") -> None:
    marked = sum(done.scores.values())
    tell(
        worded(
            "{path}: {marked:,} of {rows:,} rows have a mark by {judge}, {asked:,} asked now",
            path=done.path,
            marked=marked,
            rows=done.rows,
            judge=done.judge,
            asked=done.asked,
        )
    )
    if marked:
        mean = sum(score * count for score, count in done.scores.items()) / marked
        tell(
            worded(
                "  mean {mean:.2f}: {scores}",
                mean=mean,
                scores=" · ".join((f"{score:g} × {count:,}" for score, count in done.scores.items())),
            )
        )
    from builder.language.labels import VALUE_LABELS, label

    others = {state: count for state, count in done.states.items() if state not in ("marked", "at_admission")}
    if others:
        tell(
            worded(
                "  without: {others}",
                others=" · ".join(
                    (f"{label(VALUE_LABELS, state, spoken())} {count:,}" for state, count in sorted(others.items()))
                ),
            )
        )
    cost = worded("price not known") if done.cost is None else f"{done.cost:.4f} {done.currency}"
    tell(
        worded(
            "  in all {requests:,} requests, {tokens:,} tokens, {cost}",
            requests=done.requests,
            tokens=done.tokens,
            cost=cost,
        )
    )
