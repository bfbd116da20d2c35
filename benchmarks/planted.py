"""Faults planted in real rows, and what `seedbed curate` makes of them under its default settings.

    python -m benchmarks.planted alpaca_en.json alpaca_zh.json            a table by kind and language
    python -m benchmarks.planted … --show                                 and every fault that was not dropped for its reason
    python -m benchmarks.planted … --rows 300                             the first rows of each file alone

Both files are in Alpaca's format, the first in English, the second in Chinese. They are curated as they are; then ten faults
of each kind and language take the place of as many rows that were kept, or, as copies, stand beside them; then all is curated
again, with `--against` a made benchmark. Counted are faults dropped for the right reason, dropped for another, kept but
flagged by their signal (the kinds that only inform by default), and missed: kept without a word. Of the other rows, how many
are dropped, by reason, before and after.
"""

import argparse
import json
import random
import re
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from benchmarks.planted_texts import TEXTS, Texts
from builder.pipeline import curate_files
from builder.progress import Reporter
from builder.schema import Verdict
from builder.settings_file import load_settings
from builder.signals import SIGNALS
from builder.store.dataset_folder import DatasetFolder

Row = dict[str, str]
Values = Mapping[str, object]
_FULL_WIDTH = str.maketrans({chr(code): chr(code + 0xFEE0) for code in range(0x21, 0x7F)})
_HALF_WIDTH_MARKS = str.maketrans("，：；！？（）", ",:;!?()")


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of fault.

    Attributes:
        reasons: decisive reasons that name it.
        plant: the row with the fault, from the row that it is planted in, the language's texts and the fault's number.
        flagged: whether its signal says so, whatever is made of that.
        beside: the fault is a copy that stands beside its row; dropping either of the two is right.
    """

    reasons: tuple[str, ...]
    plant: Callable[[random.Random, Row, Texts, int], Row]
    flagged: Callable[[Values], bool] = lambda _: False
    beside: bool = False


@dataclass(frozen=True, slots=True)
class Fault:
    """One planted fault: its kind and language, its row and, for a copy, the row that it copies."""

    kind: str
    language: str
    row: int
    content: Row
    original: int | None = None


def _holds(column: str, *names: str) -> Callable[[Values], bool]:
    def flagged(values: Values) -> bool:
        found = values[column]
        return isinstance(found, list) and bool({*names} & {*found} if names else found)

    return flagged


def _answer(texts: Callable[[Texts], Sequence[str]]) -> Callable[[random.Random, Row, Texts, int], Row]:
    return lambda rng, row, words, number: {**row, "output": texts(words)[number]}


def _triple(texts: Callable[[Texts], Sequence[tuple[str, str, str]]]) -> Callable[..., Row]:
    return lambda rng, row, words, number: dict(
        zip(("instruction", "input", "output"), texts(words)[number], strict=True)
    )


def _exact(rng: random.Random, row: Row, texts: Texts, number: int) -> Row:
    return dict(row)


def _near(rng: random.Random, row: Row, texts: Texts, number: int) -> Row:
    """The instruction with one word or character more, and an answer cut by its last sentence."""
    if row["instruction"].isascii():
        changed = re.sub(r"^(\w+)", r"Please \1", row["instruction"], count=1)
    else:
        changed = "请" + row["instruction"]
    sentences = re.findall(r"[^.。]+[.。]?", row["output"])
    return {**row, "instruction": changed, "output": "".join(sentences[:-1]) or row["output"]}


def _other_look(rng: random.Random, row: Row, texts: Texts, number: int) -> Row:
    """Another case, width or spacing, turn about."""
    if row["instruction"].isascii():
        change = (str.upper, lambda text: text.replace(" ", "  "), lambda text: text.translate(_FULL_WIDTH))[number % 3]
    else:
        change = (lambda text: text.translate(_HALF_WIDTH_MARKS), lambda text: text.translate(_FULL_WIDTH))[number % 2]
    return {name: change(text) for name, text in row.items()}


def _cut(rng: random.Random, row: Row, texts: Texts, number: int) -> Row:
    """The answer up to the middle of a word or a sentence."""
    answer = row["output"]
    end = int(len(answer) * rng.uniform(0.4, 0.7))
    while answer[end - 1] in " .。\n!?！？":
        end -= 1
    return {**row, "output": answer[:end]}


def _self_mention(rng: random.Random, row: Row, texts: Texts, number: int) -> Row:
    return {**row, "output": texts.self_mentions[number] + row["output"]}


def _unclear(rng: random.Random, row: Row, texts: Texts, number: int) -> Row:
    return {"instruction": texts.unclear[number], "input": "", "output": row["output"]}


def _merged(rng: random.Random, row: Row, texts: Texts, number: int) -> Row:
    """Two tasks after each other, or a second one left at the end of the answer."""
    others = [texts.lists[number][0].format(texts.numerals[1]), texts.sums[number % 5][0].format(a=17, b=26)]
    other, mark = rng.choice(others), "指令：" if texts.traditional else "Instruction: "
    if number < 5:
        first = row["instruction"].rstrip(" .。:：")
        stop = "" if first[-1] in "?？!！" else "。" if texts.traditional else "."
        gap = "" if texts.traditional else " "
        return {**row, "instruction": first + stop + gap + other}
    return {**row, "output": f"{row['output']}\n\n{mark}{other}"}


def _stray(rng: random.Random, row: Row, texts: Texts, number: int) -> Row:
    place = len(row["output"]) // 2
    return {**row, "output": row["output"][:place] + texts.stray[number] + row["output"][place:]}


def _private(sentences: Callable[[Texts], Sequence[str]]) -> Callable[[random.Random, Row, Texts, int], Row]:
    def plant(rng: random.Random, row: Row, texts: Texts, number: int) -> Row:
        gap = "" if texts.traditional else " "
        return {**row, "output": row["output"] + gap + sentences(texts)[number].format(**private_values(rng, texts))}

    return plant


def private_values(rng: random.Random, texts: Texts) -> Row:
    """Private values, made up, with checksums that fit."""

    def draw(letters: str, length: int) -> str:
        return "".join(rng.choice(letters) for _ in range(length))

    small, digits, both = (
        "abcdefghjkmnpqrstuvwxyz",
        "2345679",
        "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz0123456789",
    )
    body = f"{rng.choice(['110105', '320106', '510107'])}19{rng.randint(60, 99)}{rng.randint(1, 12):02d}{rng.randint(1, 28):02d}{draw(digits, 3)}"
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    identity = body + "10X98765432"[sum(int(d) * w for d, w in zip(body, weights, strict=True)) % 11]
    card = f"62{draw(digits, 13)}"
    total = sum(sum(divmod(2 * int(d), 10)) if place % 2 == 0 else int(d) for place, d in enumerate(reversed(card)))
    card += str(-total % 10)
    mobile = f"1{rng.choice('35789')}{draw(digits, 1)}{draw('0123456789', 4)}{draw(digits, 4)}"
    american = f"{rng.choice(['212', '415', '617'])}-{draw(digits, 3)}-{draw(digits, 4)}"
    return {
        "email": f"{draw(small, 5)}.{draw(small, 6)}@{rng.choice(['gmail.com', '163.com', 'posteo.de', 'qq.com'])}",
        "phone": mobile if texts.traditional else american,
        "short": draw(digits, 4),
        "ip": f"{rng.randint(60, 99)}.{rng.randint(20, 90)}.{rng.randint(20, 250)}.{rng.randint(20, 250)}",
        "identity": identity,
        "card": card,
        "card_spaced": " ".join(card[place : place + 4] for place in range(0, 16, 4)),
        "key": f"sk-{draw(both, 20)}7Kq2mZ9xW4",
        "bearer": f"{draw(both, 20)}7Kq2mZ9xW4",
        "github": f"ghp_{draw(both, 26)}7Kq2mZ9xW4",
        "aws": f"AKIA{draw('ABCDEFGHJKLMNPQRSTUVWXYZ', 10)}7Q2K9X",
    }


def _broken_json(rng: random.Random, row: Row, texts: Texts, number: int) -> Row:
    instruction, answer = texts.json_tasks[number]
    breaks = (lambda text: text[:-1], lambda text: text.replace('"', "'"))
    return {"instruction": instruction, "input": "", "output": breaks[number // 5](answer)}


def _wrong_length(rng: random.Random, row: Row, texts: Texts, number: int) -> Row:
    instruction, items = texts.lists[number]
    place = rng.randrange(3)
    given = place + 4 + (1 if number < 5 else -1) * rng.choice((1, 2))
    lines = [f"{count}. {item}" if number % 2 else f"- {item}" for count, item in enumerate(items[:given], 1)]
    asked = texts.numerals[place] if number % 3 else str(place + 4)
    return {"instruction": instruction.format(asked), "input": "", "output": "\n".join(lines)}


def _wrong_sum(rng: random.Random, row: Row, texts: Texts, number: int) -> Row:
    instruction, answer = texts.sums[number % 5]
    a, b = rng.randint(12, 48), rng.randint(13, 49)
    right = a + b if number % 5 in (1, 3) else a * b
    numbers = {"a": a, "b": b, "wrong": right + rng.choice((-10, -3, -1, 1, 2, 10))}
    return {"instruction": instruction.format(**numbers), "input": "", "output": answer.format(**numbers)}


def _loop(rng: random.Random, row: Row, texts: Texts, number: int) -> Row:
    """The beginning of the answer, then one phrase without end; or its own last words."""
    phrase = texts.loops[number] if number < 5 else row["output"][:30] + " "
    return {**row, "output": row["output"][:40] + phrase * 25}


def _verbatim(rng: random.Random, row: Row, texts: Texts, number: int) -> Row:
    question, answer = texts.benchmark[number]
    if number % 2:
        return {"instruction": question, "input": "", "output": answer}
    return {**row, "output": f"{row['output']}\n\n{question} {answer}"}


def _disguised(rng: random.Random, row: Row, texts: Texts, number: int) -> Row:
    """Traditional characters, full width, wide spacing, another case."""
    question = texts.benchmark[number][0]
    if number < len(texts.traditional):
        question = texts.traditional[number]
    elif number % 3 == 0:
        question = question.translate(_FULL_WIDTH)
    elif number % 3 == 1:
        question = question.replace(" ", "\n ") if " " in question else " ".join(question)
    else:
        question = question.upper() if question.isascii() else question.translate(_HALF_WIDTH_MARKS)
    return {"instruction": question, "input": "", "output": row["output"]}


_EMPTY = ("empty_answer", "na_answer")
KINDS: Mapping[str, Kind] = {
    "exact copy": Kind(("exact_duplicate",), _exact, beside=True),
    "copy in another look": Kind(("exact_duplicate",), _other_look, beside=True),
    "near copy": Kind(("too_similar",), _near, beside=True),
    "refusal": Kind(("refusal",), _answer(lambda t: t.refusals), lambda v: bool(v["refusal"])),
    "self-mention": Kind(("refusal",), _self_mention, lambda v: bool(v["self_mention"])),
    "empty or N/A answer": Kind(("no_answer", "defect"), _answer(lambda t: t.no_answers), _holds("defects", *_EMPTY)),
    "answer cut off": Kind(("defect",), _cut, _holds("defects", "cut_off_answer")),
    "answer in another language": Kind(
        ("language_mismatch",), _answer(lambda t: t.other_language), lambda v: bool(v["language_mismatch"])
    ),
    "code missing": Kind(("defect",), _triple(lambda t: t.missing_code), _holds("defects", "missing_code")),
    "text or picture not there": Kind(("defect",), _triple(lambda t: t.unseen), _holds("defects", "unseen_reference")),
    "picture asked for": Kind(("defect",), _triple(lambda t: t.pictures), _holds("defects", "picture_request")),
    "merged tasks": Kind(("defect",), _merged, _holds("defects", "merged_instructions")),
    "unclear instruction": Kind(("defect",), _unclear, _holds("defects", "unclear_instruction", "unseen_reference")),
    "stray characters": Kind(("defect",), _stray, _holds("defects", "stray_characters")),
    "e-mail, phone, IP address": Kind(("private_data",), _private(lambda t: t.contacts), _holds("privacy")),
    "identity, card, key": Kind(("private_data",), _private(lambda t: t.secrets), _holds("privacy")),
    "unsafe": Kind(("unsafe",), _triple(lambda t: t.unsafe), _holds("unsafe")),
    "JSON broken": Kind((), _broken_json, lambda v: v["json_valid"] is False),
    "list too long or short": Kind((), _wrong_length, lambda v: v["list_length_kept"] is False),
    "wrong sum": Kind(("wrong_sum",), _wrong_sum, lambda v: bool(v["arithmetic_wrong"])),
    "loop": Kind(("repetitive",), _loop),
    "benchmark verbatim": Kind(("contaminated",), _verbatim),
    "benchmark disguised": Kind(("contaminated",), _disguised),
}
EACH = 10
_SHORTEST_HOST = {"en": 80, "zh": 40}  # characters of an answer


def plant(
    rows: Mapping[str, list[Row]], kept: Mapping[str, Sequence[int]], rng: random.Random, each: int = EACH
) -> list[Fault]:
    """Put faults into the rows, in place; copies are appended.

    Args:
        rows: of each language, all of one file after the other.
        kept: places of rows to plant in.
        each: faults of each kind and language, at most ten.

    Returns:
        The faults; their row numbers count over both files as they are now.
    """
    planted: list[tuple[str, str, int, int | None]] = []
    for language, own in rows.items():
        places = rng.sample(sorted(kept[language]), each * len(KINDS))
        for (name, kind), first in zip(KINDS.items(), range(0, len(places), each), strict=True):
            for number, place in enumerate(places[first : first + each]):
                faulty = kind.plant(rng, own[place], TEXTS[language], number)
                if kind.beside:
                    own.append(faulty)
                    planted.append((name, language, len(own) - 1, place))
                else:
                    own[place] = faulty
                    planted.append((name, language, place, None))
    starts = {"en": 0, "zh": len(rows["en"])}
    return [
        Fault(
            name,
            language,
            starts[language] + place,
            rows[language][place],
            None if of is None else starts[language] + of,
        )
        for name, language, place, of in planted
    ]


def curate(rows: Mapping[str, list[Row]], folder: Path, against: Path | None = None) -> DatasetFolder:
    """Write both files and curate them under the default settings."""
    folder.mkdir()
    paths = [folder / f"{language}.json" for language in rows]
    for path, own in zip(paths, rows.values(), strict=True):
        path.write_text(json.dumps(own, ensure_ascii=False), encoding="utf-8")
    settings = load_settings(None, [f"contamination.against=[{json.dumps(str(against))}]"] if against else [])
    curate_files(paths, settings, folder / "dataset", Reporter(quiet=True))
    return DatasetFolder(folder / "dataset")


def write_benchmark(path: Path) -> None:
    """The held-out items of both languages, as Alpaca rows."""
    items = [item for texts in TEXTS.values() for item in texts.benchmark]
    rows = [{"instruction": question, "input": "", "output": answer} for question, answer in items]
    path.write_text(json.dumps(rows, ensure_ascii=False), encoding="utf-8")


def signal_values(folder: DatasetFolder) -> list[Values]:
    """All columns of all signals of every row."""
    frames = [pl.DataFrame(folder.read_signal(name)).drop("row") for name in SIGNALS]
    return [*pl.concat(frames, how="horizontal").to_dicts()]


def outcome(fault: Fault, verdicts: Sequence[Verdict], values: Sequence[Values]) -> str:
    """`right`, `other`, `flagged` or `missed`."""
    kind, verdict = KINDS[fault.kind], verdicts[fault.row]
    pair = [verdict] if fault.original is None else [verdict, verdicts[fault.original]]
    dropped = [one for one in pair if not one.kept]
    is_defect = any(one.reason == "defect" for one in dropped)
    if any(one.reason in kind.reasons for one in dropped) and (not is_defect or kind.flagged(values[fault.row])):
        return "right"
    if dropped:
        return "other"
    return "flagged" if kind.flagged(values[fault.row]) else "missed"


def judge(faults: Sequence[Fault], folder: DatasetFolder) -> list[str]:
    """The outcome of each fault."""
    verdicts, values = folder.read_verdicts(), signal_values(folder)
    return [outcome(fault, verdicts, values) for fault in faults]


def _print_table(faults: Sequence[Fault], outcomes: Sequence[str]) -> None:
    counts: defaultdict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for fault, result in zip(faults, outcomes, strict=True):
        counts[fault.kind, fault.language][result] += 1
        counts["all", fault.language][result] += 1
    names = ("right", "other", "flagged", "missed")
    print(f"{'':28}" + "".join(f"{language:^42}" for language in TEXTS))
    print(f"{'planted':28}" + "".join(f"{'':4}" + "".join(f"{name:>9}" for name in names) + "  " for _ in TEXTS))
    for kind in (*KINDS, "all"):
        cells = "".join("    " + "".join(f"{counts[kind, one][name]:>9}" for name in names) + "  " for one in TEXTS)
        print(f"{kind:28}{cells}")


def hosts(rows: Mapping[str, list[Row]], verdicts: Sequence[Verdict]) -> dict[str, list[int]]:
    """The places of rows to plant in, by language: kept ones with an answer long enough to be cut."""
    starts = {"en": 0, "zh": len(rows["en"])}
    return {
        language: [
            place
            for place, row in enumerate(own)
            if verdicts[starts[language] + place].kept and len(row["output"]) > _SHORTEST_HOST[language]
        ]
        for language, own in rows.items()
    }


def _print_others(
    sizes: Mapping[str, int], faults: Sequence[Fault], before: Sequence[Verdict], after: Sequence[Verdict]
) -> None:
    """The rows that no fault was planted in or copied from, without and with the faults in the same files."""
    copies = sum(fault.original is not None and fault.language == "en" for fault in faults)
    touched = {fault.row for fault in faults} | {fault.original for fault in faults}
    places = [place + (copies if place >= sizes["en"] else 0) for place in range(sum(sizes.values()))]
    others = [(old, after[place]) for old, place in zip(before, places, strict=True) if place not in touched]
    for label, verdicts in (("without", [old for old, _ in others]), ("beside", [new for _, new in others])):
        reasons = Counter(verdict.reason for verdict in verdicts if not verdict.kept)
        listed = ", ".join(f"{reason} {count}" for reason, count in reasons.most_common())
        print(f"{label} the faults, of {len(verdicts):,} other rows {sum(reasons.values())} are dropped: {listed}")


def main() -> None:
    """Plant, curate, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", type=Path, nargs=2, metavar="FILE", help="English, then Chinese")
    parser.add_argument("--rows", type=int, help="only the first rows of each file")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--show", action="store_true", help="name the faults that were not dropped for their reason")
    arguments = parser.parse_args()
    rows: dict[str, list[Row]] = {
        language: json.loads(path.read_text(encoding="utf-8"))[: arguments.rows]
        for language, path in zip(TEXTS, arguments.files, strict=True)
    }
    with tempfile.TemporaryDirectory() as scratch:
        before = curate(rows, Path(scratch) / "before").read_verdicts()
        sizes = {language: len(own) for language, own in rows.items()}
        faults = plant(rows, hosts(rows, before), random.Random(arguments.seed))
        against = Path(scratch) / "benchmark.json"
        write_benchmark(against)
        folder = curate(rows, Path(scratch) / "after", against)
        outcomes, after = judge(faults, folder), folder.read_verdicts()
    _print_table(faults, outcomes)
    _print_others(sizes, faults, before, after)
    if arguments.show:
        for fault, result in zip(faults, outcomes, strict=True):
            if result != "right":
                why = after[fault.row].reason or "kept"
                print(
                    f"{result:8} {why:16} {fault.kind} ({fault.language}): {json.dumps(fault.content, ensure_ascii=False)[:300]}"
                )


if __name__ == "__main__":
    main()
