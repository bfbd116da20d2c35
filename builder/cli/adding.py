"""`seedbed add`: more rows for a dataset that is there."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from builder.cli.options import (
    AsJson,
    ChangedFolder,
    Mapped,
    Overrides,
    Quiet,
    SkipBroken,
    ask_for_part,
    print_outcome,
    read_mapping,
    reporter,
    say,
)
from builder.cli.places import path_or_address
from builder.language.chinese import is_spoken

if TYPE_CHECKING:
    from builder.pipeline import Added


def add(
    folder: ChangedFolder,
    files: Annotated[
        list[Path],
        typer.Argument(
            help="Files of rows, as `seedbed curate` reads them; - is standard input.",
            metavar="FILE...",
            parser=path_or_address,
        ),
    ],
    mapping: Mapped = None,
    skip_broken: SkipBroken = False,
    overrides: Overrides = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Add files' rows to a curated dataset, and decide.

    Only the new rows are measured; the result is that of curating all files at once.
    """
    from builder import pipeline
    from builder.formats.inputs import local_inputs

    progress = reporter(quiet)
    with local_inputs(files, progress, stdin=sys.stdin.buffer, ask=ask_for_part) as paths:
        added = pipeline.add_files(
            folder, paths, overrides or (), progress, read_mapping(mapping), skip_broken=skip_broken
        )
    if not as_json:
        _print_added(added)
    print_outcome(added.outcome, as_json, {"added": _as_record(added), "left_out": added.outcome.left_out})


def _as_record(added: "Added") -> Mapping[str, Any]:
    return {"first": added.first, "rows": added.rows, "kept": added.kept, "repeated": added.repeated}


def _print_added(added: "Added") -> None:
    words = _CHINESE if is_spoken() else _ENGLISH
    say(words["added"].format(added.rows, added.first, added.kept))
    if added.repeated == added.rows:
        say(words["all"].format(added.rows))
    elif added.repeated:
        say(words["some"].format(added.repeated, added.rows))


_ENGLISH = {
    "added": "rows added: {:,}, numbered from {} on; {:,} of them are kept",
    "all": "All {:,} were in the dataset already, word for word; were the same files added before?",
    "some": "{:,} of the {:,} were in the dataset already, word for word.",
}
_CHINESE = {
    "added": "新增 {:,} 行，编号从 {} 起，其中保留 {:,} 行",
    "all": "这 {:,} 行数据集中原本都有，逐字相同；这些文件是否已经添加过？",
    "some": "其中 {:,} 行（共 {:,} 行）数据集中原本就有，逐字相同。",
}
