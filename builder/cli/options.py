"""Options that several commands share, and how results are printed."""

import json
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from builder.cli.places import folder_for, shown
from builder.language.chinese import is_spoken, spoken, spoken_words, told
from builder.text import visible, visible_json, visible_message

if TYPE_CHECKING:
    from builder.config import Settings
    from builder.pipeline import Outcome
    from builder.progress import Reporter

SettingsFile = Annotated[Path | None, typer.Option("--settings", help="A settings file (see `seedbed init`).")]
Overrides = Annotated[
    list[str] | None, typer.Option("--set", help="Any one setting, such as --set novelty.threshold=0.8.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Mapped = Annotated[
    list[str] | None,
    typer.Option(
        "--map",
        help="Our field = your column, such as instruction=question; of one file shop.csv:instruction=question; "
        "inside a column output=answers.text.0.",
    ),
]
SkipBroken = Annotated[
    bool, typer.Option("--skip-broken", help="Leave out rows that cannot be read; they are counted by cause.")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress on stderr.")]
_FOLDER_OR_ADDRESS = "A dataset folder, or its address."
Folder = Annotated[Path, typer.Argument(help=_FOLDER_OR_ADDRESS, metavar="DIR", parser=folder_for("read"))]
VerifiedFolder = Annotated[Path, typer.Argument(help=_FOLDER_OR_ADDRESS, metavar="DIR", parser=folder_for("verify"))]
ChangedFolder = Annotated[Path, typer.Argument(help=_FOLDER_OR_ADDRESS, metavar="DIR", parser=folder_for("change"))]
LocalFolder = Annotated[Path, typer.Argument(help="A dataset folder.", metavar="DIR")]

Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace what is there under this name.")]

OUTPUT_ROOT = Path("datasets_out")
_PROMPT_SHOWN = 100  # characters of a row beside another


def read_settings(file: Path | None, overrides: list[str] | None, **flags: Any) -> "Settings":
    """Settings from a file, the environment, `--set`, and the flags that were given."""
    from builder.settings_file import load_settings

    given = {key.replace("__", "."): value for key, value in flags.items() if value is not None}
    return load_settings(file, overrides or (), flags=given)


def read_mapping(pairs: list[str] | None) -> dict[str, str] | None:
    """Our field → the user's column, from `--map`; None where it was not given.

    Raises:
        UsageError: one of them is no pair.
    """
    from builder.formats.mapping import split_pairs

    if not pairs:
        return None
    return {field: column for item in pairs for field, column in split_pairs(item).items()}


def heed_interrupts() -> None:
    """Let Ctrl-C end a question: Polars has a read go on in spite of it."""
    signal.siginterrupt(signal.SIGINT, True)


def ask_for_part(place: str, parts: Sequence[str]) -> str | None:
    """Ask which of a dataset's configurations and splits is meant; None where nobody is at a terminal."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return None
    chinese = is_spoken()
    print(f"{visible(place)}{'：' if chinese else ':'}", file=sys.stderr)
    for number, part in enumerate(parts, 1):
        print(f"  {number}  {visible(part)}", file=sys.stderr)
    heed_interrupts()
    answer: str = typer.prompt(
        "读取哪一个（编号或名字）" if chinese else "Which one (number or name)", err=True
    ).strip()
    return parts[int(answer) - 1] if answer.isdecimal() and 0 < int(answer) <= len(parts) else answer


def reporter(quiet: bool) -> "Reporter":
    """Progress on stderr, or none."""
    from builder.progress import Reporter

    return Reporter(quiet=quiet, language=spoken())


def say(line: str) -> None:
    """Print one line; what in it came from a file, a model or the settings is shown and never obeyed."""
    print(visible(line, "\t"))


def tell(text: str) -> None:
    """Print a message, in Chinese where that is spoken."""
    print(visible_message(told(text, spoken())))


def print_json(value: Any) -> None:
    """One JSON document on stdout, readable Chinese included."""
    print(visible_json(json.dumps(value, ensure_ascii=False, indent=1, default=str)))


def summary(outcome: "Outcome") -> dict[str, Any]:
    """What scripts want to know of a dataset, from its report."""
    report = outcome.report
    return {
        "folder": shown(outcome.root),
        "target": report["target"],
        "candidates": report["candidates"],
        "rows": report["rows"],
        "dominant": report["dominant"],
        "splits": report["splits"],
        "languages": _kept_by(report, "language"),
        "categories": _kept_by(report, "category"),
        "notes": report["notes"],
        "report": str(outcome.root / "report.html"),
        "publish": f"{shown(outcome.root)}/publish",
        "ending": outcome.ending.message if outcome.ending else None,
    }


def _kept_by(report: Mapping[str, Any], key: str) -> dict[str, int]:
    counts: dict[str, int] = {}
    for cell in report["mix"]["cells"]:
        if cell["after"]:
            counts[cell[key] or "-"] = counts.get(cell[key] or "-", 0) + cell["after"]
    return dict(sorted(counts.items(), key=lambda item: -item[1]))


def print_outcome(outcome: "Outcome", as_json: bool, more: Mapping[str, Any] | None = None) -> None:
    """Print what a job did; then raise its ending, if it has one, so that the exit code says it.

    Args:
        more: keys that stand in the JSON document too.
    """
    facts = {**summary(outcome), **(more or {})}
    if as_json:
        print_json(facts)
    else:
        _print_facts(facts, outcome.report)
    if outcome.ending is not None:
        raise outcome.ending


def _print_facts(facts: Mapping[str, Any], report: Mapping[str, Any]) -> None:
    from builder.language.labels import lead_sentence
    from builder.language.reasons import reason_for

    chinese = is_spoken()
    words = spoken_words(_WORDS)

    def label(key: str) -> str:
        return reason_for(key).label_zh if chinese else reason_for(key).label_en

    def reasons(counts: Mapping[str, int]) -> str:
        return " · ".join(f"{label(key)} {count:,}" for key, count in counts.items()) or words["none"]

    say(f"{report['name']}{words['colon']}{lead_sentence(report, spoken())}")
    say(f"  {words['languages']}  " + " · ".join(f"{k} {v:,}" for k, v in facts["languages"].items()))
    dropped = {key: count for key, count in facts["rows"]["by_reason"].items() if key != "seed"}
    say(f"  {words['dropped']}  {reasons(dropped)}")
    if facts["candidates"]["total"]:
        say(f"  {words['rejected']}  {reasons(facts['candidates']['by_reason'])}")
    for note in report["notes"]:
        say(f"  {words[note['level']]}  {note['text_zh' if chinese else 'text_en']}")
    say(f"  {words['report']}  {facts['report']}")
    say(f"  {words['publish']}  {facts['publish']}")
    for one in report["dominant"]:
        _print_dominant(one)


def _print_dominant(one: Mapping[str, Any]) -> None:
    """What takes more than a fifth of the rows, two of them, and what to change."""
    from builder.reporting.dominant import dominant_remedy, dominant_sentence

    words = spoken_words(_WORDS)
    say(f"  {words[one['level']]}  {dominant_sentence(one, spoken())}")
    for item in one["beside"]:
        prompt = " ".join(item["prompt"].split())
        state = words["kept_row" if item["kept"] else "dropped_row"].format(item["row"])
        say(f"    {state}  {prompt[:_PROMPT_SHOWN]}")
    if remedy := dominant_remedy(one, spoken()):
        say(f"    {remedy}")


# In English and Chinese.
_WORDS = {
    "colon": (": ", "："),
    "languages": ("languages", "语言"),
    "rejected": ("rejected ", "拒收"),
    "dropped": ("dropped  ", "去除"),
    "none": ("none", "无"),
    "info": ("note     ", "说明"),
    "warning": ("warning  ", "注意"),
    "report": ("report   ", "报告"),
    "publish": ("published", "发布"),
    "kept_row": ("row {}, kept   ", "第 {} 行，保留"),
    "dropped_row": ("row {}, dropped", "第 {} 行，剔除"),
}
