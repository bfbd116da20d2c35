"""Categories for rows without one, and levels of difficulty in caps and floors."""

import json
from pathlib import Path

import polars as pl
import pytest

from builder import pipeline
from builder.config import Balance, Categories
from builder.curation.balance import balance_rows
from builder.curation.classifying import Guesses, guess_categories, with_guesses
from builder.curation.difficulty import score_difficulty
from builder.dataset_folder import DatasetFolder
from builder.encoders import CharacterEncoder, quantise
from builder.errors import UsageError
from builder.progress import Reporter
from builder.settings_file import load_settings

TEXTS = {
    "translation": ["Translate the sentence about {} into French.", "把关于{}的句子翻译成英文。"],
    "mathematics": ["Calculate the sum of {} and seven.", "计算{}与七的和。"],
    "code": ["Write a Python function that handles {}.", "用 Python 写一个处理{}的函数。"],
}
TOPICS = [
    "tea",
    "rain",
    "cats",
    "snow",
    "trains",
    "gold",
    "茶",
    "雨",
    "猫",
    "雪",
    "火车",
    "金子",
    "maps",
    "地图",
    "salt",
    "盐",
]


def labelled_rows(*unlabelled: str) -> pl.DataFrame:
    lines = [(text.format(topic), category) for category, texts in TEXTS.items() for text in texts for topic in TOPICS]
    lines += [(text, "") for text in unlabelled]
    return pl.DataFrame(
        {
            "row": range(len(lines)),
            "task_id": [f"task {number}" for number in range(len(lines))],
            "text": [text for text, _ in lines],
            "category": [category or None for _, category in lines],
        }
    )


def guess(rows: pl.DataFrame, asked: Categories = Categories()) -> Guesses:  # noqa: B008 (frozen)
    found = guess_categories(rows, quantise(CharacterEncoder().encode(rows["text"].to_list())), asked)
    assert found is not None
    return found


def test_rows_without_a_category_get_one_in_both_languages() -> None:
    rows = labelled_rows("Translate the sentence about dogs into French.", "计算九与七的和。", "?!")
    found = guess(rows)
    assert found.table["category_guess"].to_list() == ["translation", "mathematics", None]
    assert found.table["row"].to_list() == [96, 97, 98]
    assert found.figures["labelled"] == 96
    assert found.figures["unlabelled"] == 3
    assert found.figures["guessed"] == 2
    assert found.figures["accuracy"] > 0.9
    assert sum(item["rows"] for item in found.figures["by_category"]) == found.figures["held_out"] > 10
    assert {item["category"] for item in found.figures["by_category"]} <= TEXTS.keys()


def test_guesses_do_not_depend_on_the_order_of_the_rows() -> None:
    rows = labelled_rows("Translate the sentence about dogs into French.", "计算九与七的和。")
    there, back = guess(rows), guess(rows.reverse())
    assert there.figures == back.figures
    assert there.table.equals(back.table.sort("row"))


def test_the_less_sure_it_may_be_the_more_it_guesses() -> None:
    rows = labelled_rows("Translate seven functions into Python.", "写一个计算的句子。", "Tea.")
    guessed = [guess(rows, Categories(min_probability=p)).figures["guessed"] for p in (0.0, 0.6, 1.0)]
    assert guessed[0] == 3
    assert guessed == sorted(guessed, reverse=True)
    assert guessed[2] == 0


def test_nothing_is_guessed_from_too_little() -> None:
    rows = labelled_rows("Tea.")
    codes = quantise(CharacterEncoder().encode(rows["text"].to_list()))
    assert guess_categories(rows, codes, Categories(min_rows=33)) is None
    assert guess_categories(rows[:-1], codes[:-1], Categories()) is None


def test_a_category_of_its_own_is_never_replaced() -> None:
    rows = pl.DataFrame({"row": [0, 1, 2], "category": ["code", None, ""]})
    guesses = pl.DataFrame({"row": [1, 2], "category_guess": ["writing", None], "category_probability": [0.9, 0.3]})
    assert with_guesses(rows, guesses)["category"].to_list() == ["code", "writing", None]


def write_rows(path: Path) -> Path:
    rows = [
        {"instruction": text, "output": f"It is done, as asked, number {n}.", "category": category}
        for n, (text, category) in enumerate(labelled_rows().select("text", "category").iter_rows())
    ]
    rows += [{"instruction": f"Translate the sentence about {w} into French.", "output": f"Voilà, {w}."} for w in "abc"]
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def test_guesses_are_a_signal_and_the_samples_keep_none(tmp_path: Path) -> None:
    overrides = ["categories.guess=true", "novelty.threshold=1", "split.validation_share=0"]
    settings = load_settings(None, [*overrides, "filters.drop_language_mismatch=false"], environ={})
    root = tmp_path / "out"
    pipeline.curate_files([write_rows(tmp_path / "rows.jsonl")], settings, root, Reporter(quiet=True))
    folder = DatasetFolder(root)
    samples = [sample for sample in folder.iter_samples() if sample.row >= 96]
    assert {sample.category for sample in samples} <= {None, ""}
    assert folder.read_signal("category_guess")["category_guess"].to_pylist() == ["translation"] * 3
    report = json.loads((root / "report.json").read_text())
    assert {cell["category"] for cell in report["mix"]["cells"]} == TEXTS.keys()
    assert report["categories"]["unlabelled"] == 3
    assert any("no category of their own" in note["text_en"] for note in report["notes"])
    assert "Guessed categories" in (root / "report.html").read_text()
    pipeline.curate_folder(root, None, ["categories.guess=false", "report.language=zh"], Reporter(quiet=True))
    assert not (folder.signals / "category_guess.parquet").exists()
    assert None in {cell["category"] or None for cell in json.loads((root / "report.json").read_text())["mix"]["cells"]}


def test_longer_denser_rows_are_harder() -> None:
    rows = pl.DataFrame(
        {
            "row": [0, 1, 2, 3],
            "language": ["en", "en", "zh", "ja"],
            "prompt_words": [3, 120, 30, None],
            "answer_words": [1, 300, 60, None],
            "readability": [29.0, 50.0, 12.5, 99.0],
            "concreteness": [0.0, 1.0, 0.5, None],
        }
    )
    scored = score_difficulty(rows)
    assert scored["difficulty_level"].to_list() == ["easy", "hard", "hard", None]
    assert scored["difficulty"].to_list() == [
        pytest.approx(0.087, abs=0.01),
        pytest.approx(0.938, abs=0.01),
        0.565,
        None,
    ]
    assert score_difficulty(rows.select("row", "language"))["difficulty"].to_list() == [None] * 4


def test_caps_and_floors_hold_for_levels_of_difficulty() -> None:
    count = 30
    rows = pl.DataFrame(
        {
            "row": range(count),
            "category": ["code", "writing", "code"] * 10,
            "language": ["en"] * count,
            "quality": [1 - n / 100 for n in range(count)],
            "task_id": [str(n) for n in range(count)],
            "kind": [None] * count,
            "difficulty_level": ["easy"] * 15 + ["hard"] * 15,
        },
        schema_overrides={"kind": pl.String},
    )
    asked = Balance(caps={"easy": 9, "code/en/easy": 4}, floors={"writing/hard": 4})
    result = balance_rows(rows, asked, 12)
    kept = rows.join(result.dropped, on="row", how="anti")
    assert len(kept) == 12
    assert kept.filter(pl.col("difficulty_level") == "easy")["category"].value_counts().sort("category").rows() == [
        ("code", 4),
        ("writing", 4),
    ]
    assert len(kept.filter((pl.col("difficulty_level") == "hard") & (pl.col("category") == "writing"))) == 4
    with pytest.raises(UsageError, match=r"balance\.caps: no such cell 'esay', did you mean 'easy'"):
        balance_rows(rows, Balance(caps={"esay": 1}), None)
