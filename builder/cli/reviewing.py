"""The command by which people decide about rows: in a terminal by keys, or by a spreadsheet."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from builder.cli.choosing import with_filters
from builder.cli.options import (
    AsJson,
    ChangedFolder,
    Overwrite,
    print_json,
    print_outcome,
    reporter,
    tell,
)
from builder.cli.places import shown
from builder.language.chinese import is_spoken
from builder.language.messages import worded

if TYPE_CHECKING:
    from builder.queries.selecting import Filters

_KINDS = {"keep": "保留", "drop": "去除", "edit": "修改", "withdraw": "撤销"}


@with_filters
def review(
    folder: ChangedFolder,
    filters: "Filters",
    reviewer: Annotated[
        str | None, typer.Option(metavar="NAME", help="Who reviews; SEEDBED_REVIEWER where it is not given.")
    ] = None,
    sample: Annotated[int | None, typer.Option(min=1, help="So many of these rows, drawn by --seed.")] = None,
    seed: Annotated[int, typer.Option(help="Of the draw.")] = 0,
    again: Annotated[bool, typer.Option("--again", help="Rows too that this reviewer has reviewed.")] = False,
    out: Annotated[Path | None, typer.Option("--out", help="Write the rows to .xlsx, .csv or .jsonl instead.")] = None,
    file: Annotated[Path | None, typer.Option("--in", help="Take over the decisions of such a file.")] = None,
    decide: Annotated[bool, typer.Option("--decide", help="Decide all rows again at the end.")] = False,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Decide about rows by hand: keep, drop or edit them.

    Without --out or --in, row by row in the terminal, by single keys; every decision is on disk before the next row is shown.
    """
    from builder.errors import UsageError
    from builder.pipeline.review_sheets import write_sheet
    from builder.pipeline.reviewing import ReviewSession

    if out is not None and file is not None:
        raise UsageError(worded("--out and --in: one at a time"))
    name = reviewer if reviewer is not None else os.environ.get("SEEDBED_REVIEWER", "")
    if out is not None:
        chosen = ReviewSession(folder, name or "-").rows(filters, sample=sample, seed=seed, again=again or not name)
        written = write_sheet(folder, out, filters, rows=chosen, overwrite=overwrite)
        if as_json:
            print_json({"written": str(out), "rows": written})
        else:
            tell(
                worded(
                    "{out}: {written:,} rows to review; take it over with `seedbed review {folder} --in {out}`",
                    out=out,
                    written=written,
                    folder=shown(folder),
                )
            )
        return
    session = ReviewSession(folder, name)
    told = _take_over(session, file) if file is not None else _by_keys(session, filters, sample, seed, again=again)
    _finish(folder, told, decide=decide, as_json=as_json)


def _take_over(session: Any, file: Path) -> dict[str, Any]:
    from builder.pipeline.review_sheets import read_sheet

    read = read_sheet(session, file)
    for number, name in read.missing:
        tell(
            worded(
                "{file}, row {number}: the dataset holds no row {name} any more, it changed since the file was written",
                file=file,
                number=number,
                name=name,
            )
        )
    return {
        "decided": dict(read.decided),
        "known": read.known,
        "undecided": read.undecided,
        "missing": [{"row": number, "id": name} for number, name in read.missing],
    }


def _by_keys(session: Any, filters: Any, sample: int | None, seed: int, *, again: bool) -> dict[str, Any]:
    from builder.cli.review_screen import ReviewScreen
    from builder.errors import UsageError

    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError(
            worded("review: this is no terminal, so there are no keys to read"),
            worded("Review by a spreadsheet: --out rows.xlsx, and --in rows.xlsx once it is filled in."),
        )
    return {"decided": ReviewScreen(session).run(session.rows(filters, sample=sample, seed=seed, again=again))}


def _finish(folder: Path, told: dict[str, Any], *, decide: bool, as_json: bool) -> None:
    from builder.pipeline.curating import curate_folder
    from builder.queries.reviewing import review_state
    from builder.settings_file import load_settings
    from builder.store.dataset_folder import DatasetFolder

    if not as_json:
        counts = told["decided"]
        number = sum(counts.values())
        kinds = " · ".join(
            f"{_KINDS[kind] if is_spoken() else kind} {count:,}" for kind, count in sorted(counts.items())
        )
        tell(
            worded("{folder}: {number:,} decisions added ({kinds})", folder=shown(folder), number=number, kinds=kinds)
            if kinds
            else worded("{folder}: {number:,} decisions added", folder=shown(folder), number=number)
        )
        if told.get("known"):
            tell(worded("{known:,} rows say what was decided already", known=told["known"]))
    if decide:
        print_outcome(curate_folder(folder, None, [], reporter(as_json)), as_json, {"reviews": told})
        return
    opened = DatasetFolder.open(folder)
    state = review_state(opened, load_settings(opened.settings))
    if as_json:
        print_json({**told, "pending": len(state.pending), "disagreeing": sorted(state.disagreeing)})
        return
    if state.disagreeing:
        tell(
            worded(
                "reviewers disagree about {disagreeing:,} rows; reviews.decide says who decides",
                disagreeing=len(state.disagreeing),
            )
        )
    if state.pending:
        tell(
            worded(
                "verdicts of {pending:,} rows wait for it: `seedbed curate {folder}` decides again",
                pending=len(state.pending),
                folder=shown(folder),
            )
        )
