"""Curating a folder by columns and partitions: the same decisions as row by row, however the rows are cut."""

import contextlib
import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import load_dataset
from hypothesis import given, settings
from hypothesis import strategies as st

from builder import pipeline
from builder.config import Filters, Settings
from builder.curation.contamination import load_benchmark
from builder.curation.deciding import decide
from builder.curation.exact import conversation_fingerprint
from builder.curation.filtering import check_row
from builder.errors import InputFileError, UsageError
from builder.language.chinese import spoken
from builder.progress import Reporter, Step
from builder.schema import Check, Origin, Sample, Verdict, task_messages, verdict_from_record
from builder.settings_file import load_settings
from builder.signals import measure_row
from builder.similarity import novelty_text, similarity
from builder.store import dataset_folder
from builder.store.dataset_folder import DatasetFolder
from builder.store.reviews import Review, Ruling
from builder.text import detect_language, in_characters, tokenise
from tests.builder.references import find_contamination
from tests.builder.test_scanning import likeness

QUIET = Reporter(quiet=True)
FRAMES = [
    ("Name {} kinds of {} that grow near the {}", ["three", "five", "nine"], ["moss", "fern", "reed", "fig"], ["sea"]),
    ("请列出{}种适合在{}种植的{}", ["三", "五", "九"], ["山地", "河边", "院子里"], ["果树", "花草", "蔬菜"]),
    ("Explain how a {} moves the {} of a {}", ["belt", "gear"], ["wheel", "lamp", "door"], ["mill", "clock", "ship"]),
    ("把{}写成{}字的{}", ["春天的雨", "清晨的雾", "山里的雪"], ["二十", "五十"], ["短文", "诗歌"]),
]
ANSWERS = [
    "Moss, fern and reed grow there.",
    "The belt turns the wheel, and the wheel turns the mill; a longer answer says more about each of the parts.",
    "山地适合种植苹果、梨和桃子，它们耐寒，也耐旱。",
    "I'm sorry, but I can't help with that.",
    "好的" * 40,
    "",
    "moss, fern  and REED grow there.",
    "Mail me at anna.larsen@example.com or read the file notes.txt for more about it.",
]


def make_rows(count: int, seed: int = 0) -> list[Sample]:
    """Rows of every origin with repeats, near repeats, refusals, loops and empty answers among them."""
    rng = random.Random(seed)
    samples: list[Sample] = []
    for row in range(count):
        frame, *slots = rng.choice(FRAMES)
        instruction = frame.format(*map(rng.choice, slots))
        origin: Origin = rng.choice(("seed", "generated", "generated", "imported", "imported", "imported"))
        answer = rng.choice(ANSWERS)
        samples.append(
            Sample(
                row=row,
                task_id=f"task-{rng.randrange(count)}",
                messages=task_messages(instruction, None, answer),
                category=rng.choice(("writing", "open_qa", "code", None)),
                language=detect_language(instruction),
                origin=origin,
                source="rows.jsonl",
                instruction=instruction,
            )
        )
    return samples


def make_folder(root: Path, samples: Sequence[Sample], tree: Mapping[str, Any] | None = None) -> DatasetFolder:
    folder = DatasetFolder(root)
    folder.write_samples(samples)
    folder.settings.write_text(json.dumps(dict(tree or {})), encoding="utf-8")
    return folder


def curate(folder: DatasetFolder, *overrides: str, may_measure: bool = True) -> list[Verdict]:
    pipeline.curate_folder(folder.root, None, overrides, QUIET, may_measure=may_measure)
    return folder.read_verdicts()


def content(folder: DatasetFolder) -> dict[str, bytes]:
    """The files of a folder that hold rows, measurements or decisions, but for the decision before the last."""
    files = (path for path in folder.root.rglob("*.parquet") if path != folder.previous_verdicts)
    return {str(path.relative_to(folder.root)): path.read_bytes() for path in files}


# The same decisions as row by row.


def decide_by_row(
    samples: Sequence[Sample], chosen: Settings, reviews: Mapping[int, Ruling], benchmark: Sequence[Sample]
) -> dict[int, tuple[str | None, int | None, list[Check]]]:
    """The order of decisions up to novelty, one row after the other, as the documentation tells it."""
    contaminated = find_contamination(samples, load_benchmark(benchmark), chosen.contamination.ngram)
    quality = decide(samples, [measure_row(s) for s in samples], chosen, reviews={}).quality["score"].to_list()
    verdicts: dict[int, tuple[str | None, int | None, list[Check]]] = {}
    for sample in samples:
        review = reviews.get(sample.row)
        checks = [Check("reviewed_drop", evidence=review.note)] if review and review.decision == "drop" else []
        if sample.origin != "seed":
            checks += check_row(sample, measure_row(sample), chosen.filters)
        checks += [contaminated[sample.row]] if sample.row in contaminated else []
        if checks and not (review and review.decision == "keep"):
            verdicts[sample.row] = (checks[0].reason, checks[0].of, checks)

    def preference(sample: Sample) -> tuple[bool, bool, float, int]:
        review = reviews.get(sample.row)
        by_hand = review is not None and review.decision == "keep"
        return not by_hand, sample.origin != "seed", -quality[sample.row], sample.row

    order = sorted((sample for sample in samples if sample.row not in verdicts), key=preference)
    first: dict[bytes, int] = {}
    for sample in order:
        of = first.setdefault(conversation_fingerprint(sample), sample.row)
        if of != sample.row and sample.origin != "seed" and preference(sample)[0]:
            verdicts[sample.row] = ("exact_duplicate", of, [Check("exact_duplicate", of=of)])
    kept: list[tuple[Sample, list[str]]] = []

    def compared(sample: Sample, held: Sample, tokens: list[str], other: list[str]) -> float:
        if "imported" not in (sample.origin, held.origin):
            return similarity(tokens, other)
        text, compared_with = (novelty_text(one, chosen.novelty.key) for one in (sample, held))
        return likeness(text, compared_with, sample.answer, held.answer)

    for sample in order:
        if sample.row in verdicts:
            continue
        tokens = tokenise(novelty_text(sample, chosen.novelty.key))
        scores = [
            (score, -held.row)
            for held, other in kept
            if held.task_id != sample.task_id
            and (score := compared(sample, held, tokens, other))
            > chosen.novelty.thresholds.of(in_characters(tokens), in_characters(other))
        ]
        _, of = max(scores, default=(0.0, 0))
        if scores and sample.origin != "seed" and preference(sample)[0]:
            verdicts[sample.row] = ("too_similar", -of, [])
        else:
            kept.append((sample, tokens))
    for sample, _ in kept:
        if sample.origin == "seed" and preference(sample)[0]:
            verdicts[sample.row] = ("seed", None, [Check("seed")])
        else:
            verdicts[sample.row] = (None, None, [])
    for row, (reason, copy, checks) in list(verdicts.items()):
        if reason == "exact_duplicate" and copy is not None and verdicts[copy][0] == "too_similar":
            verdicts[row] = (reason, verdicts[copy][1], checks)
    return verdicts


@pytest.mark.parametrize("seed", range(3))
def test_columns_decide_what_rows_decide_one_by_one(seed: int) -> None:
    samples = make_rows(150, seed)
    benchmark = [replace(samples[5], source="eval.jsonl"), replace(samples[6], source="eval.jsonl")]
    chosen = load_settings(
        None,
        ["novelty.threshold=0.8", "contamination.against=[eval.jsonl]", "contamination.ngram=5", "balance.phrasings=9"],
        {},
    )
    reviews = {row: Ruling(row, "keep" if row % 2 else "drop", f"note {row}") for row in range(0, 150, 7)}
    values = [measure_row(sample) for sample in samples]
    decision = decide(samples, values, chosen, reviews=reviews, benchmark=benchmark)
    verdicts = [verdict_from_record(record) for record in decision.verdicts.to_pylist()]
    expected = decide_by_row(samples, chosen, reviews, benchmark)

    assert {v.row: (v.reason, v.of) for v in verdicts} == {row: found[:2] for row, found in expected.items()}
    assert len({v.reason for v in verdicts}) >= 8
    for verdict in verdicts:
        assert verdict.kept == (verdict.reason is None) == (verdict.split is not None)
        if verdict.reason != "too_similar":
            assert list(verdict.checks) == expected[verdict.row][2]


AMONG_ROWS = ("exact_duplicate", "too_similar", "other_phrasing")
SIGNALS = st.fixed_dictionaries(
    {
        "instruction_words": st.none() | st.integers(0, 200),
        "answer_words": st.none() | st.integers(0, 30),
        "prompt_words": st.integers(0, 10_000),
        "repetition": st.none() | st.floats(0, 1) | st.just(float("nan")),
        "refusal": st.none() | st.booleans(),
        "refusal_phrase": st.none() | st.just("I can't"),
        "answer_check": st.sampled_from(["passed", "failed", "none", None]),
        "answer_found": st.none() | st.just("12"),
        "language_mismatch": st.booleans(),
        "prompt_language": st.just("zh"),
        "answer_language": st.just("en"),
    }
)


@settings(max_examples=80)
@given(
    values=st.lists(SIGNALS, min_size=1, max_size=6),
    filters=st.builds(
        Filters,
        min_answer_words=st.integers(0, 3),
        max_answer_words=st.integers(1, 20),
        max_repetition=st.sampled_from([0.0, 0.5, 1.0]),
        drop_refusals=st.booleans(),
        languages=st.none() | st.just(("zh",)) | st.just(("zh", "en")),
        blocked_words=st.none() | st.just(("moss",)) | st.just(()),
        rules=st.none() | st.just("alpaca-classic"),
    ),
    seed=st.integers(0, 5),
)
def test_each_check_says_the_same_of_a_row_and_of_a_column(
    values: list[dict[str, Any]], filters: Filters, seed: int
) -> None:
    samples = [
        replace(sample, origin="generated" if seed % 2 else "imported") for sample in make_rows(len(values), seed)
    ]
    chosen = Settings(filters=filters)
    decision = decide(samples, values, chosen, reviews={})
    for sample, measured, record in zip(samples, values, decision.verdicts.to_pylist(), strict=True):
        expected = check_row(sample, measured, filters)
        if expected or record["reason"] not in (None, *AMONG_ROWS):
            assert list(verdict_from_record(record).checks) == expected


def test_one_bad_row_never_takes_its_task_with_it(tmp_path: Path) -> None:
    rows = [replace(sample, task_id="one", origin="imported") for sample in make_rows(4)]
    answers = ["Fern grows there.", "", "I'm sorry, but I can't help with that.", "Reed grows there too."]
    rows = [
        replace(
            row,
            messages=task_messages("Name a plant.", f"place {row.row}", answer),
            instruction="Name a plant.",
            input=f"place {row.row}",
        )
        for row, answer in zip(rows, answers, strict=True)
    ]
    assert [v.reason for v in curate(make_folder(tmp_path, rows))] == [None, "no_answer", "refusal", None]


# What is published of what files say.

TALKS: list[dict[str, Any]] = [
    {"messages": [{"role": "user", "content": q}, {"role": "assistant", "content": a}]}
    for q, a in (
        ("Name the capital of Portugal.", "Lisbon."),
        ("把“你好”倒过来写。", "好你"),
        ("Which planet has the most moons?", "Saturn has."),
    )
]
ASKED = {"role": "user", "content": "What is the weather in Suzhou?"}
CALLING: dict[str, Any] = {
    "messages": [
        ASKED,
        {"role": "assistant", "tool_calls": [{"name": "weather", "arguments": {"city": "苏州"}}], "reasoning": "Ask."},
        {"role": "tool", "content": "21"},
        {"role": "assistant", "content": "21 degrees.", "weight": 1},
    ],
    "tools": [{"name": "weather", "parameters": {"type": "object"}}],
}


def curated(tmp_path: Path, rows: Sequence[Mapping[str, Any]], capsys: Any = None) -> tuple[pa.Table, str]:
    """The published rows of a file, and what was said."""
    path = tmp_path / "rows.jsonl"
    tmp_path.mkdir(exist_ok=True)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    settings = Settings.model_validate({"split": {"validation_share": 0.0}})
    pipeline.curate_files([path], settings, tmp_path / "d", Reporter(quiet=capsys is None, language=spoken()))
    said = capsys.readouterr().err if capsys else ""
    return pq.read_table(tmp_path / "d" / "publish" / "data" / "train-00000-of-00001.parquet"), said


def test_published_columns_and_members_are_those_that_some_row_has(tmp_path: Path) -> None:
    """A column `rejected` of nulls has TRL take the rows for preferences, and a member of nulls breaks chat templates."""
    plain, _ = curated(tmp_path / "a", TALKS)
    assert "rejected_answer" not in plain.column_names
    assert plain["messages"].to_pylist()[0] == TALKS[0]["messages"]
    assert "`rejected`" not in (tmp_path / "a" / "d" / "publish" / "README.md").read_text(encoding="utf-8")
    pair = {"prompt": "Is 91 prime?", "chosen": "No: 7 × 13.", "rejected": "Yes."}
    dropped, _ = curated(tmp_path / "b", [*TALKS, {**TALKS[0], "rejected": "Porto."}])
    assert "rejected_answer" not in dropped.column_names
    pairs, _ = curated(tmp_path / "c", [pair])
    assert pairs["rejected_answer"].to_pylist() == ["Yes."]


def test_load_dataset_gives_turns_as_chat_templates_take_them(tmp_path: Path) -> None:
    curated(tmp_path, [*TALKS, CALLING])
    loaded = load_dataset(str(tmp_path / "d" / "publish"), cache_dir=str(tmp_path / "cache"))["train"]
    assert loaded[0]["messages"] == TALKS[0]["messages"]
    assert loaded[3]["messages"] == [
        ASKED,
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [{"type": "function", "function": {"name": "weather", "arguments": {"city": "苏州"}}}],
            "reasoning_content": "Ask.",
        },
        {"role": "tool", "content": "21"},
        {"role": "assistant", "content": "21 degrees."},
    ]
    assert json.loads(loaded[3]["tools"]) == [{"type": "function", "function": CALLING["tools"][0]}]


def test_what_a_file_says_beside_its_texts_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows: list[dict[str, Any]] = [
        {"messages": [*TALKS[0]["messages"][:1], {"role": "assistant", "content": "Porto."}], "label": False},
        {**TALKS[0], "label": True},
        {**TALKS[1], "label": True, "system": float("nan")},
        {"messages": [*TALKS[2]["messages"], ASKED, {"role": "assistant", "content": "21.", "weight": 0}]},
        CALLING,
    ]
    published, said = curated(tmp_path, rows, capsys)
    assert published["row"].to_pylist() == [1, 2, 3, 4]
    assert published["rejected_answer"].to_pylist() == ["Porto.", None, None, None]
    for line in (
        "rows.jsonl: rows labelled as bad: 1; their answers are not published as good ones, and"
        " 1 good answers to the same prompts have one of them as `rejected`; if the labels say something else, use --map"
        " category=label",
        "rows.jsonl: rows with turns of weight 0 (train: false): 1; these turns are not trained on",
        "rows.jsonl: rows with reasoning: 1; it is kept apart from the answers and not trained on yet",
        "rows.jsonl: rows with NaN: 1; it is read as no value",
    ):
        assert line in said.splitlines()


def test_what_is_not_read_and_what_says_two_things_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows: list[dict[str, Any]] = [
        {"messages": [ASKED | {"ts": 1}, {"role": "assistant", "content": "21."}], "类别": "天气"},
        {"messages": TALKS[0]["messages"], "category": "capitals"},
        {"messages": TALKS[1]["messages"], "category": "words", "类别": "词语"},
    ]
    for language, lines in (
        (
            "en",
            [
                "rows.jsonl: rows in which 'category' and '类别' say different things: 1, row 3 being the first; 'category' is read",
                "rows.jsonl: keys of turns not read: ts (1 row)",
            ],
        ),
        (
            "zh",
            [
                "rows.jsonl：'category' 与 '类别' 内容不同的有 1 行（最先是第 3 行），读取的是 'category'",
                "rows.jsonl：各轮中没有读取的键：ts（1 行）",
            ],
        ),
    ):
        monkeypatch.setenv("SEEDBED_REPORT_LANGUAGE", language)
        published, said = curated(tmp_path / language, rows, capsys)
        assert published["category"].to_pylist() == ["天气", "capitals", "words"]
        assert [line for line in lines if line not in said.splitlines()] == []


def test_rows_of_a_benchmark_that_cannot_be_compared_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    benchmark = tmp_path / "eval.jsonl"
    benchmark.write_text("".join(json.dumps(row) + "\n" for row in (TALKS[0], {**TALKS[2], "videos": ["a.mp4"]})))
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in TALKS), encoding="utf-8")
    settings = Settings.model_validate({"contamination": {"against": [str(benchmark)]}})
    pipeline.curate_files([tmp_path / "rows.jsonl"], settings, tmp_path / "d", Reporter())
    assert (
        f"{benchmark}, row 2: it needs videos, which a sample has no place for; nothing is compared with 1 such rows"
        in capsys.readouterr().err.splitlines()
    )
    assert [v.reason for v in DatasetFolder(tmp_path / "d").read_verdicts()] == ["contaminated", None, None]


def test_labels_that_are_not_read_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{"prompt": f"{n}+{n} gives how many?", "completion": f"It gives {2 * n}.", "label": 1} for n in (2, 3)]
    _, said = curated(tmp_path, rows, capsys)
    assert (
        "rows.jsonl: labels of 1 and 0 are not read; if they say which answers are good and which are bad, use --map label=label"
        in said.splitlines()
    )


def test_a_merged_question_cell_is_the_question_of_each_of_its_rows(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    for row in (
        ["问题", "回答"],
        ["怎么退货？", "七天内可以退货。"],
        [None, "运费由我们承担。"],
        ["几点开门？", "早上九点。"],
    ):
        sheet.append(row)
    sheet.merge_cells("A2:A3")
    book.save(tmp_path / "shop.xlsx")
    outcome = pipeline.curate_files([tmp_path / "shop.xlsx"], Settings(), tmp_path / "d", QUIET)
    folder = DatasetFolder(outcome.root)
    assert [sample.messages[0].content for sample in folder.iter_samples()] == [
        "怎么退货？",
        "怎么退货？",
        "几点开门？",
    ]
    assert [verdict.reason for verdict in folder.read_verdicts()] == [None, "too_similar", None]


# The same result, however the rows are cut and wherever they are measured.


def test_neither_workers_nor_partitions_change_a_byte(tmp_path: Path) -> None:
    samples = make_rows(120)
    whole = make_folder(tmp_path / "whole", samples)
    curate(whole)
    for name, *overrides in (
        ("rows of 1", "execution.partition_rows=1", "execution.workers=1"),
        ("rows of 7", "execution.partition_rows=7", "execution.workers=2"),
        ("rows of 1000", "execution.partition_rows=1000", "execution.workers=8"),
    ):
        cut = make_folder(tmp_path / name, samples)
        curate(cut, *overrides)
        assert content(cut) == content(whole), name


def test_three_workers_decide_as_one(tmp_path: Path) -> None:
    samples = make_rows(80, seed=4)
    one, three = make_folder(tmp_path / "one", samples), make_folder(tmp_path / "three", samples)
    assert curate(one) == curate(three, "execution.workers=3", "execution.partition_rows=10")
    assert content(one) == content(three)


def test_parts_may_hold_any_number_of_rows(tmp_path: Path) -> None:
    samples = make_rows(90)
    whole, parts = make_folder(tmp_path / "whole", samples), DatasetFolder(tmp_path / "parts")
    for start in range(0, 90, 40):
        parts.write_samples(samples[start : start + 40])
    parts.settings.write_text("{}", encoding="utf-8")
    assert curate(whole) == curate(parts, "execution.partition_rows=25", "execution.workers=1")


# Measure once, decide many times.


def test_deciding_again_measures_nothing_and_gives_what_a_whole_run_gives(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "d", make_rows(100))
    curate(folder)
    signals = {
        path: path.stat().st_mtime_ns
        for path in folder.signals.glob("*.parquet")
        if path.stem not in ("quality", "difficulty")
    }
    change = ("novelty.threshold=0.5", "filters.max_answer_words=12", "quality.weights.information=0")
    again = curate(folder, *change, may_measure=False)
    assert {path: path.stat().st_mtime_ns for path in signals} == signals
    fresh = make_folder(tmp_path / "fresh", make_rows(100))
    assert curate(fresh, *change) == again
    assert content(fresh) == content(folder)


def test_deciding_alone_refuses_what_was_never_measured(tmp_path: Path) -> None:
    folder = make_folder(tmp_path, make_rows(10))
    with pytest.raises(UsageError, match=r"(?s)not measured yet.*facts: 10 of 10 rows.*without --redecide"):
        curate(folder, may_measure=False)
    curate(folder)
    (folder.signals / "refusal.parquet").unlink()
    with pytest.raises(UsageError, match=r"not measured yet\n  - refusal: 10 of 10 rows\n  Run") as caught:
        curate(folder, may_measure=False)
    assert "facts" not in caught.value.message
    with pytest.raises(UsageError, match=r"facts: 10 of 10 rows"):
        curate(folder, "novelty.key=answer", may_measure=False)


def test_new_rows_are_measured_and_the_others_are_not(tmp_path: Path) -> None:
    samples = make_rows(60)
    folder = make_folder(tmp_path / "d", samples[:40])
    curate(folder)
    length = folder.signals / "length.parquet"
    marked = folder.read_signal("length")
    marked = marked.set_column(1, marked.schema.field(1), marked["instruction_words"].take([39, *range(39)]))
    folder.write_signal("length", marked)
    folder.write_samples(samples[40:])
    curate(folder)
    assert pq.read_table(length)["row"].to_pylist() == list(range(60))
    assert pq.read_table(length)["instruction_words"].to_pylist()[:40] == marked["instruction_words"].to_pylist()


def test_a_table_of_another_version_is_measured_again(tmp_path: Path) -> None:
    folder = make_folder(tmp_path, make_rows(12))
    verdicts = curate(folder)
    before = (folder.signals / "length.parquet").read_bytes()
    table = folder.read_signal("length")
    emptied = table.set_column(1, table.schema.field(1), table["instruction_words"].take([0] * 12))
    folder.write_signal("length", emptied.replace_schema_metadata({"seedbed.signal": "length/0"}))
    assert curate(folder) == verdicts
    assert (folder.signals / "length.parquet").read_bytes() == before


def test_a_benchmark_is_searched_for_once(tmp_path: Path) -> None:
    samples = [replace(sample, origin="imported") for sample in make_rows(50, seed=2)]
    folder = make_folder(tmp_path / "d", samples)
    held_out = [{"instruction": "Explain how a belt moves the wheel of a mill", "output": "It turns."}]
    for name, rows in (("eval.json", held_out), ("other.json", [{"instruction": "Count to ten.", "output": "1 2 3"}])):
        (tmp_path / name).write_text(json.dumps(rows), encoding="utf-8")
    against = f"contamination.against=[{tmp_path / 'eval.json'}]"
    verdicts = curate(folder, against)
    hits = [v.row for v in verdicts if v.reason == "contaminated"]
    assert hits == [s.row for s in samples if s.instruction == held_out[0]["instruction"] and s.answer] != []
    assert curate(folder, against, may_measure=False) == verdicts
    with pytest.raises(UsageError, match="contamination: 50 of 50 rows"):
        curate(folder, f"contamination.against=[{tmp_path / 'other.json'}]", may_measure=False)
    assert not any(v.reason == "contaminated" for v in curate(folder, "contamination.against=[]", may_measure=False))


# Importing.


def alpaca(count: int) -> str:
    rows = ({"instruction": f"Name {row} uses of w{row}.", "output": f"Use {row} is the best."} for row in range(count))
    return "".join(json.dumps(row) + "\n" for row in rows)


class Watching(Reporter):
    """Notes how many parts there are whenever progress is told of."""

    def __init__(self, folder: DatasetFolder) -> None:
        super().__init__(quiet=True)
        self._folder = folder
        self.parts: list[int] = []

    @contextlib.contextmanager
    def step(self, label: str, total: int | None = None) -> Iterator[Step]:
        def show(_: Step) -> None:
            if label == "Importing":
                self.parts.append(len(self._folder.parts(self._folder.samples)))

        yield Step(show, label, total)


def test_parts_are_written_while_rows_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dataset_folder, "ROWS_PER_PART", 4)
    monkeypatch.setattr("builder.pipeline.curating._ROWS_AT_ONCE", 4)
    (tmp_path / "rows.jsonl").write_text(alpaca(10), encoding="utf-8")
    watching = Watching(DatasetFolder(DatasetFolder(tmp_path / "d").staging))
    chosen = load_settings(None, ["execution.workers=1"], {})
    pipeline.curate_files([tmp_path / "rows.jsonl"], chosen, tmp_path / "d", watching)
    assert watching.parts == [1, 2, 3]
    assert DatasetFolder(tmp_path / "d").count_samples() == 10


def test_a_failed_import_leaves_no_row_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dataset_folder, "ROWS_PER_PART", 3)
    file, root = tmp_path / "rows.jsonl", tmp_path / "d"
    file.write_text(alpaca(10) + '{"instruction": ["no text"], "output": "Yes."}\n', encoding="utf-8")
    chosen = load_settings(None, ["execution.workers=1"], {})
    with pytest.raises(InputFileError, match=r"rows.jsonl"):
        pipeline.curate_files([file], chosen, root, QUIET)
    assert [path.name for path in root.rglob("*") if path.is_file()] == [".lock"]
    with pytest.raises(InputFileError, match="not a dataset folder"):
        DatasetFolder.open(root)
    file.write_text(alpaca(10), encoding="utf-8")
    assert pipeline.curate_files([file], chosen, root, QUIET).report["rows"]["total"] == 10


def test_how_a_file_is_read_and_what_is_odd_about_its_rows_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    turns = [{"role": role, "content": "One"} for role in ("user", "user", "assistant")]
    odd = json.dumps({"messages": turns}) + "\n"
    (tmp_path / "rows.jsonl").write_text(odd * 23, encoding="utf-8")
    chosen = load_settings(None, ["execution.workers=1", "mend.kinds=[]"], {})
    pipeline.curate_files([tmp_path / "rows.jsonl"], chosen, tmp_path / "d", Reporter())
    said = capsys.readouterr().err
    assert "rows.jsonl: 23 rows, " in said
    assert said.count("two user turns in a row") == 20
    assert "… and 3 more such rows" in said


# Reviews and preference.


def test_a_review_overrides_every_check_and_stays(tmp_path: Path) -> None:
    samples = make_rows(60)
    folder = make_folder(tmp_path, samples)
    verdicts = curate(folder)
    dropped = next(v.row for v in verdicts if v.reason == "refusal")
    kept = next(v.row for v in verdicts if v.kept)
    folder.reviews.append(Review(dropped, samples[dropped].id, "keep"))
    folder.reviews.append(Review(kept, samples[kept].id, "drop", "off topic"))
    written = folder.reviews.path.read_bytes()
    again = curate(folder, may_measure=False)
    assert (again[dropped].kept, again[dropped].checks) == (True, ())
    assert again[kept].checks[0] == Check("reviewed_drop", evidence="off topic")
    assert folder.reviews.path.read_bytes() == written


def test_the_better_of_two_rows_is_kept_and_the_first_of_equals() -> None:
    prompt = "Explain how moss can grow near the sea"
    answers = [
        "It grows.",
        "Sphagnum, Polytrichum and Bryum hold fresh rain in cracks of the rock, above the salt.",
        "It grows.",
    ]
    samples = [
        replace(
            make_rows(1)[0], row=row, task_id=f"t{row}", origin="imported", messages=task_messages(prompt, None, answer)
        )
        for row, answer in enumerate(answers)
    ]
    values = [measure_row(sample) for sample in samples]
    kept = [v["row"] for v in decide(samples, values, Settings(), reviews={}).verdicts.to_pylist() if v["kept"]]
    assert kept == [1]
    flat = load_settings(None, [f"quality.weights.{name}=0" for name in ("information", "density", "fit")], {})
    kept = [v["row"] for v in decide(samples, values, flat, reviews={}).verdicts.to_pylist() if v["kept"]]
    assert kept == [0]
