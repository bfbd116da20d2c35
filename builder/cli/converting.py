"""`seedbed convert`: conversations as people have them to samples."""

import sys
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from builder.cli.conversions import done_lines, plan_lines, sample_lines, summary
from builder.cli.options import (
    AsJson,
    Overwrite,
    Quiet,
    ask_for_part,
    heed_interrupts,
    print_json,
    read_mapping,
    reporter,
    say,
    tell,
)
from builder.cli.places import path_or_address
from builder.errors import InputFileError, UsageError
from builder.language.chinese import is_spoken, spoken, told
from builder.language.messages import worded

if TYPE_CHECKING:
    from builder.pipeline.conversion_plan import Asked, Plan
    from builder.progress import Reporter

_SHOWN = 3
_MAPS = (".yaml", ".yml")
_KEYS = ("sheet", "header_row", "map", "roles", "gap", "redact")


def convert(
    files: Annotated[
        list[Path],
        typer.Argument(
            help="Workbooks, CSV, JSON, Parquet, exports of chats, - for standard input; or their addresses.",
            metavar="FILE...",
            parser=path_or_address,
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(
            help="The JSON Lines file to write, or its address.", metavar="FILE.jsonl", parser=path_or_address
        ),
    ],
    sheet: Annotated[
        str | None, typer.Option(help="The sheet, by name or number; several with commas.", metavar="S")
    ] = None,
    header_row: Annotated[
        int | None, typer.Option(help="The row that names the columns; 0 where there is none.", metavar="N", min=0)
    ] = None,
    mapping: Annotated[
        list[str] | None,
        typer.Option("--map", help="Field = column, such as text=内容,speaker=发送人; or a file of --save-map."),
    ] = None,
    roles: Annotated[
        list[str] | None,
        typer.Option(help="Speaker = user, assistant, system or skip, such as buyer=user,shop=assistant."),
    ] = None,
    gap: Annotated[
        float | None,
        typer.Option(
            help="A question after a longer pause begins a new conversation [240]; 0: none does.",
            metavar="MINUTES",
            min=0,
        ),
    ] = None,
    redact: Annotated[
        bool, typer.Option("--redact", help="Replace personal data and secrets by names such as [EMAIL_1].")
    ] = False,
    save_map: Annotated[
        Path | None, typer.Option(help="Write how the files are read to this file, for --map.", metavar="FILE.yaml")
    ] = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Make training data of conversations as people have them.

    Finds the sheet, the header, the columns and who answers; shows them with three conversations, and asks. Without a terminal
    it takes what it is sure of, and names the flag for what it is not.
    """
    from builder.formats.inputs import local_inputs
    from builder.pipeline import conversion_plan, converting
    from builder.store.object_store import file_for
    from builder.store.ownership import check_output

    asked = _asked(sheet, header_row, mapping, roles, gap, redact)
    progress = reporter(quiet)
    asks = sys.stdin.isatty() and sys.stdout.isatty() and not as_json and not quiet
    if Path(out.name).suffix.lower() not in (".jsonl", ".ndjson"):
        raise UsageError(
            worded("{out}: what is written is JSON Lines", out=out), worded("Give a name that ends in .jsonl.")
        )
    for written in (out, save_map):
        if isinstance(written, Path):
            check_output(written, overwrite=overwrite)
    with (
        local_inputs(files, progress, stdin=sys.stdin.buffer, ask=ask_for_part) as paths,
        file_for(out, progress, overwrite=overwrite) as path,
    ):
        if asks:
            plan = _agreed(paths, asked, progress)
        else:
            plan = conversion_plan.look(paths, asked, progress)
            for line in plan_lines(plan):
                progress.say(line)
        converted = converting.convert(plan, path, progress, overwrite=overwrite)
    if save_map is not None:
        _save(save_map, plan, overwrite=overwrite)
    if as_json:
        print_json(summary(str(out), plan, converted))
        return
    for line in done_lines(str(out), converted):
        say(line)


def _asked(
    sheet: str | None,
    header_row: int | None,
    mapping: list[str] | None,
    roles: list[str] | None,
    gap: float | None,
    redact: bool,
) -> "Asked":
    """What the flags and the file of --map say; flags win."""
    from builder.pipeline.conversion_plan import Asked

    saved: dict[str, Any] = {}
    pairs = []
    for item in mapping or ():
        if "=" not in item and Path(item).suffix.lower() in _MAPS:
            saved |= _read_saved(Path(item))
        else:
            pairs.append(item)
    minutes = saved.get("gap") if gap is None else gap
    return Asked(
        sheet=sheet if sheet is not None else saved.get("sheet"),
        header_row=header_row if header_row is not None else saved.get("header_row"),
        mapping={**(saved.get("map") or {}), **(read_mapping(pairs) or {})},
        roles={**(saved.get("roles") or {}), **_read_roles(roles)},
        gap=None if minutes is None else timedelta(minutes=minutes),
        redact=redact or bool(saved.get("redact")),
    )


def _read_roles(pairs: list[str] | None) -> dict[str, str]:
    found = {}
    for pair in pairs or ():
        begun = ""
        for item in pair.split(","):
            speaker, equals, role = f"{begun}{item}".rpartition("=")
            if not equals:  # a name with a comma: Roe, Jane=user
                begun += f"{item},"
                continue
            if not (speaker.strip() and role.strip()):
                raise UsageError(worded("--roles {item}: expected speaker = role, such as shop=assistant", item=item))
            found[speaker.strip()] = role.strip()
            begun = ""
        if begun:
            raise UsageError(
                worded("--roles {begun}: expected speaker = role, such as shop=assistant", begun=begun[:-1])
            )
    return found


def _read_saved(path: Path) -> dict[str, Any]:
    """What --save-map wrote."""
    import yaml

    expected = worded("Write one with --save-map.")
    try:
        value = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeError, yaml.YAMLError) as error:
        raise InputFileError(
            path, worded("cannot be read ({name})", name=type(error).__name__), remedy=expected
        ) from None
    kinds: Mapping[str, tuple[type, ...]] = {
        "map": (dict,),
        "roles": (dict,),
        "header_row": (int,),
        "gap": (int, float),
    }
    if not isinstance(value, dict) or not set(value) <= set(_KEYS):
        raise InputFileError(
            path, worded("not a file of --save-map, whose keys are {keys}", keys=", ".join(_KEYS)), remedy=expected
        )
    for key, kind in kinds.items():
        if key in value and not isinstance(value[key], kind):
            raise InputFileError(path, worded("'{key}' is not what --save-map writes", key=key), remedy=expected)
    for key in ("map", "roles"):
        value[key] = {str(name): str(text) for name, text in value.get(key, {}).items()}
    if "sheet" in value:
        value["sheet"] = str(value["sheet"])
    return value


def _save(path: Path, plan: "Plan", *, overwrite: bool) -> None:
    import yaml

    from builder.pipeline.conversion_plan import settled
    from builder.store.files import write_text
    from builder.store.ownership import check_output

    check_output(path, overwrite=overwrite)
    write_text(path, yaml.safe_dump(settled(plan), allow_unicode=True, sort_keys=False))
    tell(worded("{path}: how the files were read; use it again with --map {path}", path=path))


def _agreed(files: list[Path], asked: "Asked", progress: "Reporter") -> "Plan":
    """Show how the files are read and three conversations, until they are as they should be."""
    from builder.pipeline.conversion_plan import look
    from builder.pipeline.converting import Converted, at_other_gaps, private_in, samples

    while True:
        plan = look(files, asked, progress)
        for line in plan_lines(plan):
            say(line)
        if plan.choices:
            asked = _choose(plan, asked)
            continue
        if others := at_other_gaps(plan):
            counts = [f"--gap {minutes}: {count:,}" for minutes, count in others.items()]
            say(told(worded("conversations  {counts}", counts=" · ".join(counts)), spoken()))
        for number, (_, sample) in enumerate(islice(samples(plan, Converted()), _SHOWN), 1):
            for line in sample_lines(number, sample):
                say(line)
        answer = _ask("Write them? [y]es, [c]hange, [q]uit", "这样写出吗？[y] 写出，[c] 更改，[q] 退出")
        if answer in ("y", "yes", "是", "好"):
            if not asked.redact and (private := private_in(plan)):
                redacts = _ask(
                    f"{private:,} conversations hold private data. Replace it? [y]es, [n]o",
                    f"{private:,} 段对话含有隐私信息，要替换吗？[y] 替换，[n] 不替换",
                )
                plan.asked = replace(asked, redact=redacts in ("y", "yes", "是", "好"))
            return plan
        if answer in ("q", "quit", "退出"):
            raise UsageError(worded("nothing was written"))
        if answer in ("c", "change", "更改"):
            asked = _changed(asked)


def _choose(plan: "Plan", asked: "Asked") -> "Asked":
    """Have what is not sure chosen, one by one."""
    for choice in plan.choices:
        say(told(choice.problem, spoken()))
        for number, candidate in enumerate(choice.candidates[:20], 1):
            say(f"  {number}  {candidate}")
        answer = _ask(f"{choice.flag} (a number, or the value itself)", f"{choice.flag}（编号，或直接输入）")
        if answer.isdecimal() and 1 <= int(answer) <= len(choice.candidates) and choice.flag != "--header-row":
            answer = choice.candidates[int(answer) - 1]
        asked = _with(asked, choice.flag.rstrip("="), answer)
    return asked


def _changed(asked: "Asked") -> "Asked":
    answer = _ask(
        "What, as a flag: --sheet NAME, --header-row N, --map text=COLUMN, --roles NAME=assistant, --gap MINUTES",
        "改什么（写成参数）：--sheet 名称、--header-row 行号、--map text=列名、--roles 说话人=assistant、--gap 分钟",
    )
    flag, _, value = answer.partition(" ")
    try:
        return _with(asked, flag, value.strip())
    except UsageError as error:
        tell(str(error))
        return asked


def _with(asked: "Asked", flag: str, value: str) -> "Asked":
    """What was asked for, with one flag more."""
    flag, _, name = flag.partition(" ")
    if name:
        value = f"{name}={value}"
    match flag:
        case "--sheet":
            return replace(asked, sheet=value)
        case "--header-row" if value.isdecimal():
            return replace(asked, header_row=int(value))
        case "--map":
            return replace(asked, mapping={**asked.mapping, **(read_mapping([value]) or {})})
        case "--roles":
            return replace(asked, roles={**asked.roles, **_read_roles([value])})
        case "--gap" if value.replace(".", "", 1).isdecimal():
            return replace(asked, gap=timedelta(minutes=float(value)))
    raise UsageError(worded("{flag} {value}: not understood", flag=flag, value=value))


def _ask(english: str, chinese: str) -> str:
    """An answer from the terminal; its end gives up."""
    heed_interrupts()
    try:
        return input((chinese if is_spoken() else english) + " > ").strip()
    except EOFError:
        raise UsageError(worded("nothing was written")) from None
