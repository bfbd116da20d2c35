"""The report's figures, its page and the card, from small dataset folders."""

import json
import re
import string
from collections.abc import Mapping, Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from datasets import load_dataset
from hypothesis import given
from hypothesis import strategies as st

from builder.config import Settings
from builder.errors import InputFileError, IntegrityError
from builder.language import Language
from builder.language.labels import number, share
from builder.language.notes import Note
from builder.language.reasons import REASONS, explain
from builder.published import OPTIONAL, Shape, published_schema
from builder.reporting.card import FIELDS, dataset_card
from builder.reporting.distributions import histogram
from builder.reporting.funnel import build_report
from builder.reporting.page import render_page, visible, write_report
from builder.schema import Check, Rejection, Sample, Verdict, task_messages
from builder.settings_file import settings_from_mapping
from builder.store.dataset_folder import DatasetFolder

BREAKOUT = '</script><img src=x onerror=alert(1)>" onmouseover="alert(2)'


def sample(row: int, text: str, **changes: Any) -> Sample:
    values: dict[str, Any] = {
        "row": row,
        "task_id": f"task{row}",
        "messages": task_messages(text, None, f"Answer to {text}"),
        "category": "writing",
        "language": "en",
        "origin": "generated",
        "source": "alpaca:seedbed-procedural",
    }
    return Sample(**(values | changes))


ROWS = (
    sample(0, "Name a colour.", origin="seed", source="builtin"),
    sample(1, "Write about the sea."),
    sample(2, "Write about the sea!"),
    sample(3, "写一首关于大海的诗。", language="zh", category="code"),
    sample(4, "Write about the sea, again."),
    sample(5, "Describe a mountain.", category=None),
)
VERDICTS = (
    Verdict(0, False, "seed", None, (Check("seed"),)),
    Verdict(1, True, split="train"),
    Verdict(2, False, "exact_duplicate", 1, (Check("exact_duplicate", of=1), Check("too_similar", 1.0, 0.7, 1))),
    Verdict(3, True, split="train"),
    Verdict(4, False, "too_similar", 1, (Check("too_similar", 0.8421, 0.7, 1, "word: Write"),)),
    Verdict(5, True, split="validation"),
)
REJECTIONS = (
    Rejection("q1", 0, "too_similar", 0.9, 0.7, 0, "", json.dumps({"instruction": "Name colours.", "output": "Red."})),
    Rejection("q1", 1, "not_a_task", text="a stray line"),
    Rejection("q2", 0, "too_similar", 0.75, 0.7, 1),
)


def make_folder(
    root: Path,
    rows: Sequence[Sample] = ROWS,
    verdicts: Sequence[Verdict] = VERDICTS,
    rejections: Sequence[Rejection] = REJECTIONS,
    signals: Mapping[str, Mapping[str, Sequence[Any]]] | None = None,
) -> DatasetFolder:
    folder = DatasetFolder(root)
    folder.write_samples(rows)
    folder.write_verdicts(verdicts)
    folder.write_rejections(rejections)
    for name, columns in (signals or {}).items():
        folder.write_signal(name, pa.table(dict(columns)))
    return folder


def make_report(folder: DatasetFolder, tree: Mapping[str, Any] | None = None, **given_spending: int) -> dict[str, Any]:
    chosen = settings_from_mapping(tree or {})
    return build_report(folder, chosen, notes=[], spending=given_spending or None)


class _Page(HTMLParser):
    """The tags of a page with their attributes, and its visible text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def test_every_reason_is_written_in_both_languages() -> None:
    for key, reason in REASONS.items():
        for english in (reason.label_en, reason.meaning_en, reason.remedy_en):
            assert english.strip(), key
            assert not re.search("[\u4e00-\u9fff]", english), key
        for chinese in (reason.label_zh, reason.meaning_zh, reason.remedy_zh):
            assert re.search("[\u4e00-\u9fff]", chinese), key
        assert len(reason.label_en) <= 28, key
        assert reason.meaning_en.endswith("."), key
        assert reason.meaning_zh.endswith("。"), key
    assert len({reason.label_zh for reason in REASONS.values()}) == len(REASONS)


def test_remedies_name_settings_that_exist() -> None:
    tree = Settings().model_dump()
    sections = {key for key, value in tree.items() if isinstance(value, dict)}
    for reason in REASONS.values():
        for remedy in (reason.remedy_en, reason.remedy_zh):
            for section, key in re.findall(r"\b([a-z]+)\.([a-z_]+)", remedy):
                if section in sections:
                    assert key in tree[section], remedy


@pytest.mark.parametrize(
    ("check", "english", "chinese"),
    [
        (
            Check("too_similar", 0.83, 0.7, 12),
            "Too similar to row 12: ROUGE-L 0.83 is above 0.70",
            "与第 12 行过于相似：ROUGE-L 0.83，高于 0.70",
        ),
        (
            Check("too_similar", 0.7004, 0.7, 3, "word: Write"),
            "Too similar to row 3: ROUGE-L 0.7004 is above 0.7000 (“word: Write”)",
            "与第 3 行过于相似：ROUGE-L 0.7004，高于 0.7000（“word: Write”）",
        ),
        (
            Check("instruction_too_short", 2, 3),
            "Instruction too short: 2 of at least 3 words",
            "指令过短：2 字，至少应有 3 字",
        ),
        (
            Check("answer_too_long", 12345, 8000),
            "Answer too long: 12,345 of at most 8,000 words",
            "回答过长：12,345 字，最多允许 8,000 字",
        ),
        (
            Check("refusal", evidence="I cannot\n  do that"),
            "Refuses to answer (“I cannot do that”)",
            "拒绝回答（“I cannot do that”）",
        ),
        (Check("exact_duplicate", of=7), "The same as row 7", "与第 7 行完全重复"),
        (Check("from_the_future", 2.5, 1), "from the future: 2.50 against 1.00", "from_the_future：2.50，界限 1.00"),
    ],
)
def test_a_check_is_explained_in_one_sentence(check: Check, english: str, chinese: str) -> None:
    assert explain(check, "en") == english
    assert explain(check, "zh") == chinese


@given(
    st.sampled_from(sorted(REASONS)),
    st.floats(0, 1e6),
    st.floats(0, 1e6),
    st.text(),
    st.sampled_from(["en", "zh"]),
)
def test_an_explanation_is_one_short_line(
    reason: str, value: float, threshold: float, evidence: str, language: Language
) -> None:
    sentence = explain(Check(reason, value, threshold, 5, evidence), language)
    assert len(sentence.splitlines()) == 1
    assert len(sentence) < 400


def test_counts_close_and_say_where_everything_went(tmp_path: Path) -> None:
    report = make_report(make_folder(tmp_path), {"target": 4})
    assert report["candidates"] == {
        "total": 8,
        "admitted": 5,
        "rejected": 3,
        "by_reason": {"too_similar": 2, "not_a_task": 1},
    }
    assert report["rows"] == {
        "total": 6,
        "kept": 3,
        "dropped": 3,
        "by_reason": {"exact_duplicate": 1, "seed": 1, "too_similar": 1},
        "failed_checks": {"too_similar": 2, "exact_duplicate": 1, "seed": 1},
    }
    assert report["origins"] == [
        {"origin": "generated", "before": 5, "after": 3},
        {"origin": "seed", "before": 1, "after": 0},
    ]
    assert report["splits"] == {"train": 2, "validation": 1, "unassigned": 0}
    assert report["target"] == {"wanted": 4, "reached": 3}
    assert report["mix"]["cells"] == [
        {"category": "writing", "language": "en", "before": 4, "after": 1},
        {"category": "code", "language": "zh", "before": 1, "after": 1},
        {"category": None, "language": "en", "before": 1, "after": 1},
    ]
    assert report["teacher"] == {"provider": "embedded", "name": "seedbed-procedural", "procedural": True}


def test_candidates_that_the_ledger_counted_must_be_accounted_for(tmp_path: Path) -> None:
    folder = make_folder(tmp_path)
    assert make_report(folder, candidates=8)["candidates"]["total"] == 8
    with pytest.raises(IntegrityError, match="candidates read = admitted \\+ rejected: 9 is not 8"):
        make_report(folder, candidates=9)


@pytest.mark.parametrize(
    ("verdicts", "message"),
    [
        (VERDICTS[:-1], "5 verdicts for 6 rows"),
        ((*VERDICTS[:-1], VERDICTS[0]), "row 1 is missing, found row 0 in its place"),
        ((*VERDICTS[:-1], Verdict(5, True, "too_similar")), "row 5: kept=True, reason=too_similar"),
        ((*VERDICTS[:-1], Verdict(5, False)), "row 5: kept=False, reason=None"),
        (
            (*VERDICTS[:-1], Verdict(5, False, "refusal", split="train")),
            "row 5: kept=False, reason=refusal, split=train",
        ),
    ],
)
def test_verdicts_that_do_not_fit_the_rows_stop_the_report(
    tmp_path: Path, verdicts: Sequence[Verdict], message: str
) -> None:
    with pytest.raises(IntegrityError, match=re.escape(message)):
        make_report(make_folder(tmp_path, verdicts=verdicts))


def test_a_damaged_or_missing_file_is_named(tmp_path: Path) -> None:
    folder = make_folder(tmp_path)
    folder.parts(folder.rejections)[0].write_bytes(b"PAR1 not a table")
    with pytest.raises(IntegrityError, match="rejections"):
        make_report(folder)
    folder.verdicts.unlink()
    with pytest.raises(InputFileError, match="no verdicts yet"):
        make_report(folder)


def test_a_signal_about_other_rows_stops_the_report(tmp_path: Path) -> None:
    for name, rows in (("twice", [0, 0]), ("beyond", [99])):
        folder = make_folder(tmp_path / name, signals={"score": {"row": rows, "score": [0.5] * len(rows)}})
        with pytest.raises(IntegrityError, match="its rows are not the dataset's rows"):
            make_report(folder)


def test_lengths_and_signals_are_counted_before_and_after(tmp_path: Path) -> None:
    folder = make_folder(
        tmp_path,
        signals={
            "length": {"row": range(6), "instruction_words": [3, 4, 4, 9, 5, 3], "answer_words": [5, 6, 6, 11, 7, 5]},
            "repetition": {"row": range(6), "repetition": [0.0, 0.05, 0.1, 0.62, float("nan"), 1.0]},
            "refusal": {"row": [0, 1, 2], "refusal": [True, False, None]},
            "answer": {"row": range(6), "answer_check": ["passed", "passed", "failed", None, "passed", "none"]},
        },
    )
    report = make_report(folder)
    words = report["lengths"]["instruction_words"]
    assert words["edges"] == [3, 4, 5, 6, 7, 8, 9, 10]
    assert words["before"] == [2, 2, 1, 0, 0, 0, 1]
    assert words["after"] == [1, 1, 0, 0, 0, 0, 1]
    assert words["summary"]["after"] == {"median": 4, "p95": 9, "min": 3, "max": 9}
    repeated = report["signals"]["repetition"]["repetition"]
    assert repeated["missing"] == 1
    assert repeated["edges"][:3] == [0, 0.05, 0.1]
    assert (repeated["before"][1], repeated["before"][2], repeated["before"][12], repeated["before"][19]) == (
        1,
        1,
        1,
        1,
    )
    assert "length" not in report["signals"]
    assert report["signals"]["refusal"]["refusal"] == {
        "kind": "counts",
        "values": [{"value": False, "before": 1, "after": 1}, {"value": True, "before": 1, "after": 0}],
        "others": {"values": 0, "before": 0, "after": 0},
        "missing": 4,
    }
    checked = report["signals"]["answer"]["answer_check"]
    assert checked["values"][0] == {"value": "passed", "before": 3, "after": 1}
    assert checked["missing"] == 1


_measured = st.floats(-1e30, 1e30, allow_subnormal=False) | st.sampled_from([float("nan"), float("inf"), 0.0, 0.3, 1.0])


@given(st.lists(st.tuples(_measured, st.booleans()), max_size=60), st.booleans())
def test_a_histogram_loses_no_row(pairs: list[tuple[float, bool]], whole: bool) -> None:
    values = np.array([float(round(v)) if whole and np.isfinite(v) else v for v, _ in pairs], dtype=np.float64)
    kept = np.array([k for _, k in pairs], dtype=np.bool_)
    found = histogram(values, kept, whole=whole)
    finite = np.isfinite(values)
    for side, expected in (("before", finite.sum()), ("after", (finite & kept).sum())):
        assert sum(found[side]) + found["below"][side] + found["above"][side] == expected
    assert found["missing"] == len(values) - finite.sum()
    assert found["edges"] == sorted(set(found["edges"]))


def test_duplicates_are_grouped_by_the_row_they_repeat(tmp_path: Path) -> None:
    duplicates = make_report(make_folder(tmp_path))["duplicates"]
    assert (duplicates["groups"], duplicates["rows"]) == (1, 2)
    group = duplicates["largest"][0]
    assert (group["kept"]["row"], group["kept"]["prompt"], group["size"]) == (1, "Write about the sea.", 2)
    assert [(m["row"], m["reason"], m["similarity"]) for m in group["members"]] == [
        (2, "exact_duplicate", 1.0),
        (4, "too_similar", 0.8421),
    ]
    assert group["members"][0]["id"] == ROWS[2].id


def test_examples_show_each_reason_beside_what_it_collides_with(tmp_path: Path) -> None:
    shown = make_report(make_folder(tmp_path))["examples"]
    assert [item["row"] for item in shown["kept"]] == [1, 3, 5]
    assert [(item["reason"], item["beside"]["row"]) for item in shown["dropped"]] == [
        ("exact_duplicate", 1),
        ("too_similar", 1),
    ]
    assert shown["dropped"][0]["beside"]["kept"] is True
    assert shown["dropped"][1]["checks"] == ["Too similar to row 1: ROUGE-L 0.84 is above 0.70 (“word: Write”)"]
    first, second, third = shown["rejected"]
    assert (first["prompt"], first["answer"], first["beside"]["kept"]) == ("Name colours.", "Red.", False)
    assert (second["reason"], second["text"], second["beside"]) == ("not_a_task", "a stray line", None)
    assert third["reason"] == "too_similar"


def test_only_as_many_examples_as_asked_for_and_texts_are_cut(tmp_path: Path) -> None:
    rows = [sample(i, ("长" if i else "long") * 2000, origin="imported") for i in range(10)]
    folder = make_folder(tmp_path, rows, [Verdict(i, True, split="train") for i in range(10)], [])
    shown = make_report(folder, {"report": {"examples": 3}})["examples"]
    assert [item["row"] for item in shown["kept"]] == [0, 3, 6]
    assert (len(shown["kept"][0]["prompt"]), len(shown["kept"][1]["prompt"])) == (321, 161)
    assert shown["kept"][1]["prompt"].endswith("长…")
    assert make_report(folder, {"report": {"examples": 0}})["examples"] == {"kept": [], "dropped": [], "rejected": []}


def test_the_same_folder_gives_the_same_bytes(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "runs[1]", signals={"score": {"row": range(6), "score": [1.5, 2, 3, 4, 5, 6.25]}})
    pages = []
    for _ in range(2):
        write_report(folder, Settings(), notes=[Note("info", "a", "甲")], spending={"requests": 3})
        pages.append((folder.report_json.read_bytes(), folder.report_html.read_bytes()))
    assert pages[0] == pages[1]
    assert json.loads(pages[0][0])["spending"] == {"requests": 3}


def test_the_first_thing_on_the_page_is_what_went_in_and_what_is_wrong(tmp_path: Path) -> None:
    notes = [
        Note("warning", "A floor was missed.", "有一个下限未达到。"),
        Note("info", "Resumed once.", "续跑过一次。"),
    ]
    folder = make_folder(tmp_path)
    english = _Page(render_page(build_report(folder, settings_from_mapping({"target": 4}), notes=notes, spending=None)))
    top = english.text[: english.text.index("Why the others went")]
    assert (
        "Of 8 candidates, 5 were admitted; with 1 seeds that makes 6 rows, and 3 were kept: 2 to train on, 1 to validate on."
        in top
    )
    for expected in (
        "2 things need attention",
        "A floor was missed.",
        "Resumed once.",
        "Target missed: 3 of 4 grown rows kept.",
        "not written by a language model",
        "8 candidates = 5 admitted + 3 rejected",
        "6 rows = 3 kept + 3 dropped",
        "62.5% admitted, 3 rejected · 1 seeds join",
        "60.0% kept, 2 dropped · 1 seeds not published",
    ):
        assert expected in top
    chinese = _Page(
        render_page(
            build_report(folder, settings_from_mapping({"report": {"language": "zh"}}), notes=notes, spending=None)
        )
    )
    top = chinese.text[: chinese.text.index("其余为何未留")]
    for expected in ("有 1 件事需要留意", "有一个下限未达到。", "并非语言模型所写", "共 6 行 = 保留 3 + 剔除 3"):
        assert expected in top
    assert "A floor was missed." not in chinese.text
    assert ("html", {"lang": "zh-Hans"}) in chinese.tags
    assert ("html", {"lang": "en"}) in english.tags


def test_rows_by_a_model_and_imported_rows_are_not_called_procedural(tmp_path: Path) -> None:
    tree = {"teacher": {"provider": "openai", "model": "some-model"}}
    by_model = make_report(make_folder(tmp_path / "a"), tree)
    assert by_model["teacher"]["procedural"] is False
    assert "rows are procedural" not in _Page(render_page(by_model)).text
    assert "3 rows were written by the language model some-model" in dataset_card(by_model, settings_from_mapping(tree))
    rows = [sample(0, "Given.", origin="imported")]
    imported = make_report(make_folder(tmp_path / "b", rows, [Verdict(0, True, split="train")], []))
    assert "rows are procedural" not in render_page(imported)
    assert "Nothing needs attention" in render_page(imported)


def hostile_folder(root: Path) -> DatasetFolder:
    texts = [
        BREAKOUT,
        "\u202eright to left\u202c שלום",
        "x" * 5000,
        "\x00\x07\x1b[31mred\x7f\u200b",
        "{{ 7 * 7 }}{% raw %}]]>-->",
    ]
    rows = [sample(i, text, category=text, language=text[:9], source=text) for i, text in enumerate(texts)]
    verdicts = [Verdict(0, True, split="train")] + [
        Verdict(i, False, "too_similar", 0, (Check("too_similar", 0.9, 0.7, 0, texts[i]), Check(BREAKOUT)))
        for i in range(1, len(rows))
    ]
    rejections = [Rejection("q", i, BREAKOUT, evidence=text, text=text) for i, text in enumerate(texts)]
    signals = {BREAKOUT.replace("/", ""): {"row": range(len(rows)), BREAKOUT: texts}}
    return make_folder(root, rows, verdicts, rejections, signals)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_data_never_breaks_out_of_its_place(tmp_path: Path, language: str) -> None:
    chosen = settings_from_mapping(
        {"name": "</title><script>".replace("/", ""), "report": {"language": language}, "seeds": {"files": [BREAKOUT]}}
    )
    folder = hostile_folder(tmp_path)
    write_report(folder, chosen, notes=[Note("warning", BREAKOUT, BREAKOUT)], spending={BREAKOUT: BREAKOUT})
    html = folder.report_html.read_text(encoding="utf-8")
    page = _Page(html)
    assert {tag for tag, _ in page.tags}.isdisjoint({"script", "img", "iframe", "link", "object", "base", "form"})
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]
    assert "<img src=x onerror=alert(1)>" in page.text
    assert "{{ 7 * 7 }}" in page.text
    assert not set(html) & (set(map(chr, range(32))) - {"\n", "\t"})
    assert not re.search("[\u202a-\u202e\u200b\x7f]", html)
    assert "⟨U+202E⟩right to left" in page.text


def test_the_page_refers_to_nothing_outside_itself(tmp_path: Path) -> None:
    page = _Page(render_page(make_report(make_folder(tmp_path))))
    for tag, attributes in page.tags:
        assert not {"src", "href", "srcset", "action", "data"} & attributes.keys(), tag
    html = render_page(make_report(make_folder(tmp_path / "again")))
    assert not re.search(r"https?:|//[a-z]|url\(|@import|@font-face", html)
    policy = next(a["content"] for tag, a in page.tags if tag == "meta" and a.get("http-equiv"))
    assert policy is not None
    assert policy.startswith("default-src 'none'")


def test_two_thousand_rows_make_a_page_under_a_megabyte(tmp_path: Path) -> None:
    rows = [sample(i, f"Task {i}: {'word ' * 200}", category=f"kind {i}", origin="imported") for i in range(2000)]
    verdicts = [
        Verdict(i, True, split="train") if i % 2 else Verdict(i, False, "refusal", None, (Check("refusal"),))
        for i in range(2000)
    ]
    report = write_report(folder := make_folder(tmp_path, rows, verdicts, []), Settings(), notes=[], spending=None)
    assert folder.report_html.stat().st_size < 300_000
    assert len(report["mix"]["cells"]) == 200
    assert report["mix"]["rest"] == {"cells": 1800, "before": 1800, "after": 900}


def test_a_folder_with_nothing_kept_or_nothing_at_all_still_has_a_page(tmp_path: Path) -> None:
    nothing = render_page(make_report(make_folder(tmp_path / "a", [], [], [])))
    assert "No row was kept." in nothing
    dropped = make_folder(tmp_path / "b", ROWS[:1], VERDICTS[:1], [], {"score": {"row": [0], "score": [2.0]}})
    assert "No row was kept." in render_page(make_report(dropped))
    assert "configs" not in dataset_card(make_report(dropped), Settings())


@given(st.text(alphabet=st.characters(codec="utf-8") | st.sampled_from("\r\n\u202e\u2066\x00\ud800"), max_size=40))
def test_what_is_shown_has_no_hidden_marks(text: str) -> None:
    shown = visible(text)
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u202a-\u202e\u2066-\u2069\ud800-\udfff]", shown)
    if text.isascii() and set(text) <= set(string.printable) - set("\r\x0b\x0c"):
        assert shown == text


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [(0, 5, "0%"), (5, 5, "100%"), (1, 5000, "<0.1%"), (4999, 5000, ">99.9%"), (1, 3, "33.3%")],
)
def test_shares_never_round_something_to_nothing(part: int, whole: int, text: str) -> None:
    assert share(part, whole) == text


def test_numbers_are_short() -> None:
    assert [number(n) for n in (0, 1234567, 0.5, 2.0, 0.0517, 1e300)] == [
        "0",
        "1,234,567",
        "0.5",
        "2",
        "0.052",
        "1e+300",
    ]


def front_matter(card: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(card.split("---\n")[1])
    return loaded


def test_load_dataset_reads_the_published_folder(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "made")
    report = make_report(folder)
    table = folder.samples_table()
    for split, rows in (("train", [1, 3]), ("validation", [5])):
        path = folder.publish / "data" / f"{split}-00000-of-00001.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table.take(pa.array(rows)), path)
    (folder.publish / "README.md").write_text(dataset_card(report, Settings()), encoding="utf-8")
    loaded = load_dataset(str(folder.publish), cache_dir=str(tmp_path / "cache"))
    assert {split: loaded[split]["row"][:] for split in loaded} == {"train": [1, 3], "validation": [5]}


def test_the_card_says_what_the_rows_are(tmp_path: Path) -> None:
    report = make_report(make_folder(tmp_path))
    card = dataset_card(report, Settings())
    front = front_matter(card)
    assert front["language"] == ["en", "zh"]
    assert front["size_categories"] == ["n<1K"]
    assert front["task_categories"] == ["text-generation"]
    assert front["tags"] == ["seedbed", "instruction-tuning", "synthetic"]
    assert "license" not in front
    assert "**procedural**" in card
    assert "no language model wrote them" in card
    assert "| Writing | English | 1 |" in card
    assert re.search(r"\| Too similar \| .* \| 2 \| 1 \|", card)
    assert "中文" not in card


def test_a_chinese_card_comes_first_and_the_english_one_follows(tmp_path: Path) -> None:
    report = make_report(make_folder(tmp_path), {"report": {"language": "zh"}})
    card = dataset_card(report, settings_from_mapping({"report": {"language": "zh"}}))
    assert card.index("程序化数据") < card.index("**procedural**")
    assert card.index("## 局限") < card.index("## How it was made")


def test_names_from_data_stay_text_in_the_card(tmp_path: Path) -> None:
    rows = [sample(0, "Given.", category="a|b\n<script>*x*", origin="imported")]
    report = make_report(make_folder(tmp_path, rows, [Verdict(0, True, split="train")], []), {"name": "x: [1]\n---\ny"})
    card = dataset_card(report, Settings())
    assert r"| a\|b \<script\>\*x\* | English | 1 |" in card
    assert front_matter(card)["pretty_name"] == "x: [1] --- y"
    assert "synthetic" not in card


def test_the_card_describes_every_published_field() -> None:
    everything = published_schema(Shape(frozenset(OPTIONAL), rejected=True))
    assert list(FIELDS) == everything.names
