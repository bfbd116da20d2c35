"""`seedbed diff`: what became of the rows between two decisions."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from builder.cli.options import AsJson, Folder, print_json, say
from builder.cli.places import folder_for, shown
from builder.language.chinese import spoken, spoken_words

if TYPE_CHECKING:
    from builder.language import Language
    from builder.queries.comparing import Comparison


def diff(
    folder: Folder,
    other: Annotated[
        Path | None,
        typer.Argument(
            help="Another one; without it, DIR before its last decision and now.",
            metavar="OTHER",
            parser=folder_for("read"),
        ),
    ] = None,
    reason: Annotated[str | None, typer.Option(help="Only rows dropped for this reason, before or after.")] = None,
    limit: Annotated[int, typer.Option(min=0, help="How many rows to show of each change.")] = 3,
    as_json: AsJson = False,
) -> None:
    """Compare two datasets, or the last two decisions of one.

    Rows of two datasets are matched by their conversations. Says what was kept and is dropped, the other way round, and why.
    """
    from builder.queries.comparing import compare

    comparison = compare(folder, other, reason=reason, limit=limit)
    if as_json:
        places = {"before": shown(comparison.before), "after": shown(comparison.after)}
        print_json({**comparison.as_record(), **places})
    else:
        _print(comparison)


def _print(found: "Comparison") -> None:
    words = spoken_words(_WORDS)
    sides = [shown(found.before), shown(found.after)]
    if found.before == found.after:
        sides = [words["earlier"], words["now"]]
    for name, side in zip(sides, ("before", "after"), strict=True):
        say(words["side"].format(name, found.rows[side], found.kept[side]))
    _print_counts(found, words)
    if not any(found.changes.values()):
        say(words["same"])
    for change, count in found.changes.items():
        if count:
            print()
            say(f"{words[change]}  {count:,}")
        for example in found.examples[change]:
            say(_one_line(example, words, spoken()))


def _print_counts(found: "Comparison", words: Mapping[str, str]) -> None:
    """How many rows had the one outcome and have the other; those that have the same one are a line of their own."""
    say(words["counts"])
    for line in found.counts:
        was, now = (_outcome(line[side], words, spoken()) for side in ("before", "after"))
        say(f"{line['rows']:>12,}  {was}" + ("" if line["before"] == line["after"] else f" → {now}"))


def _one_line(example: Mapping[str, Any], words: Mapping[str, str], language: "Language") -> str:
    was, now = example["before"], example["after"]
    rows = " → ".join(dict.fromkeys(str(side["row"]) for side in (was, now) if side is not None))
    outcomes = [_side(side, words, language, split=was and now) for side in (was, now) if side is not None]
    return f"{rows:>12}  {' → '.join(dict.fromkeys(outcomes))}  {example['text']}"


def _side(side: Mapping[str, Any], words: Mapping[str, str], language: "Language", *, split: object) -> str:
    outcome = _outcome(side["outcome"], words, language)
    return f"{outcome} ({side['split']})" if side["split"] and split else outcome


def _outcome(outcome: str | None, words: Mapping[str, str], language: "Language") -> str:
    from builder.language.reasons import reason_for

    if outcome is None or outcome == "kept":
        return words[f"outcome_{outcome or 'none'}"]
    return reason_for(outcome).label(language)


# In English and Chinese.
_WORDS = {
    "earlier": ("before", "之前"),
    "now": ("now", "现在"),
    "side": ("{}: {:,} rows, {:,} kept", "{}：{:,} 行，保留 {:,} 行"),
    "counts": ("rows by what became of them:", "各行的去向："),
    "outcome_kept": ("kept", "保留"),
    "outcome_none": ("not there", "没有此行"),
    "same": ("No row was decided otherwise.", "没有任何一行的决定发生变化。"),
    "dropped": ("kept before, dropped now", "原先保留，现在去除"),
    "kept": ("dropped before, kept now", "原先去除，现在保留"),
    "other_split": ("kept on the other side of the split", "仍保留，但换到了另一份（训练或验证）"),
    "other_reason": ("dropped for another reason", "去除原因改变"),
    "only_before": ("no longer there", "不再存在"),
    "only_after": ("new", "新增"),
}
