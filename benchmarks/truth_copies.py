"""Near-copies planted in files that somebody brings: how many go, and what else goes with them.

The public Alpaca files of `--rows FOLDER` and made rows make 5,000; beside them stand 200 copies of rows that are kept, each with
one thing changed that changes nothing. Half keep the answer of the row that they copy, half have one of another row.
"""

import argparse
import json
import random
import re
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from benchmarks.alpaca_rows import AlpacaRows
from benchmarks.truth_figures import share
from builder.pipeline.curating import curate_files
from builder.progress import Reporter
from builder.schema import Verdict
from builder.settings_file import load_settings
from builder.store.dataset_folder import DatasetFolder

Row = dict[str, str]
Change = Callable[[str, random.Random], str | None]

_ROWS, _COPIES = 5_000, 200
_FILES = ("alpaca_en_demo.json", "alpaca_zh_demo.json")
# Written beside the words that the product knows, from what one would replace by hand.
_WORDS = (
    ("create", "make"),
    ("generate", "write"),
    ("describe", "explain"),
    ("provide", "give"),
    ("list", "name"),
    ("suggest", "propose"),
    ("find", "identify"),
    ("explain", "clarify"),
    ("construct", "build"),
    ("big", "large"),
    ("main", "principal"),
    ("key", "important"),
    ("benefits", "advantages"),
    ("ways", "methods"),
    ("given", "provided"),
    ("example", "instance"),
    ("tips", "hints"),
    ("story", "tale"),
    ("steps", "stages"),
    ("company", "business"),
    ("描述", "叙述"),
    ("解释", "说明"),
    ("列出", "列举"),
    ("写", "撰写"),
    ("给出", "提供"),
    ("生成", "创建"),
    ("方法", "办法"),
    ("优点", "好处"),
    ("重要", "关键"),
    ("如何", "怎样"),
    ("例子", "示例"),
    ("为什么", "为何"),
    ("建议", "提议"),
    ("使用", "利用"),
    ("步骤", "流程"),
    ("原因", "缘由"),
    ("创建", "制作"),
    ("故事", "小故事"),
    ("以下", "下面"),
    ("设计", "构思"),
)
_POLITE = {
    "en": ("Please {}", "Could you {}", "{} Thank you!", "Hi, please {}", "I would like you to {}", "Kindly {}"),
    "zh": ("请{}", "麻烦你{}", "{}谢谢！", "你好，请{}", "能不能{}", "请帮我{}"),
}
_MOVED = re.compile(r"([A-Z][^,.?!:;]{12,}) ((?:in|for|about|with|using|from|by|of) [^,.?!:;]{4,})([.?])")
_CLAUSES = re.compile(r"([^，。：？！“”]{4,})，([^，。：？！“”]{4,})([。？])")


def _another_word(text: str, rng: random.Random) -> str | None:
    found = [
        (old, new)
        for pair in _WORDS
        for old, new in (pair, pair[::-1])
        if re.search(_bounded(old), text, re.IGNORECASE)
    ]
    if not found:
        return None
    old, new = rng.choice(found)
    return re.sub(
        _bounded(old), lambda match: new.capitalize() if match[0][0].isupper() else new, text, count=1, flags=re.I
    )


def _bounded(word: str) -> str:
    return rf"\b{word}\b" if word.isascii() else word


def _other_marks(text: str, rng: random.Random) -> str | None:
    if text.isascii():
        changed = rng.choice((text.rstrip(".?"), text.rstrip(".") + "!", text.lower(), text.replace(",", "")))
    else:
        changed = rng.choice(
            (text.rstrip("。？"), text.rstrip("。") + "！", text.replace("，", ","), text.replace("，", " "))
        )
    return changed if changed != text else None


def _politeness(text: str, rng: random.Random) -> str | None:
    chosen = rng.choice(_POLITE["en" if text.isascii() else "zh"])
    first = text[0].lower() + text[1:] if text.isascii() and not chosen.startswith("{}") else text
    return chosen.format(first)


def _another_order(text: str, rng: random.Random) -> str | None:
    if found := _MOVED.fullmatch(text):
        head, tail, mark = found.groups()
        return f"{tail[0].upper()}{tail[1:]}, {head[0].lower()}{head[1:]}{mark}"
    if found := _CLAUSES.fullmatch(text):
        head, tail, mark = found.groups()
        return f"{tail}，{head}{mark}"
    return None


CHANGES: Mapping[str, Change] = {
    "another word": _another_word,
    "punctuation": _other_marks,
    "politeness": _politeness,
    "word order": _another_order,
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """None of its own: the files come with `--rows` of the signals, and `--missed` of the rows lists what was kept."""


def print_tables(arguments: argparse.Namespace) -> None:
    """Plant, curate, print."""
    if arguments.rows is None:
        print("copies: planted in public files; name their folder with --rows FOLDER")
        return
    rows = _rows(arguments.rows)
    before = _curated(rows)
    rng = random.Random(0)
    planted = _planted(rows, [row for row, verdict in enumerate(before) if verdict.kept], rng)
    after = _curated([*rows, *(row for _, _, row in planted)])
    counts: Counter[tuple[str, str, bool]] = Counter()
    for (kind, of, row), verdict in zip(planted, after[len(rows) :], strict=True):
        gone = not verdict.kept or after[of].of == verdict.row
        language = "en" if row["instruction"].isascii() else "zh"
        counts[kind, language, gone] += 1
        if arguments.missed and not gone:
            print(f"kept: {kind}: {rows[of]['instruction']} | {row['instruction']}")
    print(f"{'planted copies':16}{'language':>10}{'planted':>9}{'found':>7}  share with its 95 % interval")
    for kind, language in sorted({key[:2] for key in counts}):
        found, all_of = counts[kind, language, True], counts[kind, language, True] + counts[kind, language, False]
        print(f"{kind:16}{language:>10}{all_of:>9}{found:>7}  {share(found, all_of)}")
    found = sum(count for key, count in counts.items() if key[2])
    print(f"{'all':26}{len(planted):>9}{found:>7}  {share(found, len(planted))}")
    copied = {of for _, of, _ in planted}
    others = sum(
        one.kept and not two.kept
        for row, (one, two) in enumerate(zip(before, after, strict=False))
        if row not in copied
    )
    print(f"other rows that went with them: {others}")


def _rows(folder: Path) -> list[Row]:
    rows = [row for name in _FILES for row in json.loads((folder / name).read_text(encoding="utf-8"))]
    made = AlpacaRows(random.Random(1))
    return [*rows, *(made.next() for _ in range(_ROWS - len(rows)))]


def _planted(rows: Sequence[Row], kept: Sequence[int], rng: random.Random) -> list[tuple[str, int, Row]]:
    """Of each kind as many, half in each language as far as there are rows to change: kind, the row copied, the copy."""
    planted: list[tuple[str, int, Row]] = []
    taken: set[int] = set()
    for kind, change in CHANGES.items():
        for english in (True, False):
            wanted = _COPIES // len(CHANGES) // 2
            for place in rng.sample(list(kept), len(kept)):
                text = rows[place]["instruction"]
                if place in taken or text.isascii() != english or place >= 2_000:
                    continue
                changed = change(text, rng)
                if changed is None:
                    continue
                taken.add(place)
                answer = rows[place]["output"] if wanted % 2 else rows[rng.choice(kept)]["output"]
                planted.append((kind, place, {**rows[place], "instruction": changed, "output": answer}))
                wanted -= 1
                if not wanted:
                    break
    return planted


def _curated(rows: Sequence[Row]) -> list[Verdict]:
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "rows.json"
        path.write_text(json.dumps(rows, ensure_ascii=False), encoding="utf-8")
        curate_files([path], load_settings(None, []), Path(scratch) / "dataset", Reporter(quiet=True))
        return DatasetFolder(Path(scratch) / "dataset").read_verdicts()
