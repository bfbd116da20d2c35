"""Rows are found by words and by runs of Chinese characters, with an index and without one alike."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builder import pipeline
from builder.pipeline.indexing import write_indexes
from builder.progress import Reporter
from builder.queries.database import Database
from builder.queries.grams import grams, phrase
from builder.queries.search_index import missing_indexes
from builder.queries.searching import search
from builder.settings_file import load_settings
from builder.store.dataset_folder import DatasetFolder
from builder.text import normalise, tokenise
from tests.command import Seedbed

TEXTS = [
    ("请把文字分类", "天气类。"),
    ("Explain ChatGPT to a child", "It is a program, in C++ or so."),
    ("机器学习是什么", "让机器从数据中学习。"),
    ("Ｗｈａｔ ｉｓ ＧＰＴ-4?", "GPT-4 是一个模型"),
    ("分开再归类", "先分，类别在后"),
    ("What about don't and naïve?", "Nothing; the end"),
    ("カメラの使い方", "ボタンを押す"),
    ("end", "of the turn"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("searching")
    rows = [{"instruction": asked, "output": answer} for asked, answer in TEXTS]
    (root / "rows.json").write_text(json.dumps(rows), encoding="utf-8")
    pipeline.curate_files([root / "rows.json"], load_settings(None, [], environ={}), root / "d", Reporter(quiet=True))
    return root / "d"


@pytest.fixture(scope="module", params=["with an index", "without one"])
def database(
    request: pytest.FixtureRequest, folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Database]:
    if request.param == "without one":
        bare = tmp_path_factory.mktemp("bare") / "d"
        (bare / "samples").mkdir(parents=True)
        for name in ("seedbed.yaml", "samples/part-00000.parquet", "verdicts.parquet"):
            (bare / name).write_bytes((folder / name).read_bytes())
        folder = bare
    with Database.open(folder) as database:
        assert len(missing_indexes(database.folder)) == (request.param == "without one")
        yield database


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("分类", [0, 4]),  # 先分，类别: a mark between two characters does not count
        ("类", [0, 4]),
        ("习", [2]),
        ("学习", [2]),
        ("机器学习", [2]),
        ("学习是", [2]),
        ("习器", []),
        ("gpt", [3]),
        ("GPT-4", [3]),
        ("ｇｐｔ 4", [3]),
        ("chatgpt", [1]),
        ("chat", [1]),
        ("hatgpt", []),
        ("c++", [1]),
        ("c+", [1]),
        ("c--", []),
        ("don't", [5]),
        ("program in", [1]),
        ("program, in", [1]),
        ("program; in", []),
        ("カメ", [6]),
        ("end of", []),  # one turn ends and the next one begins
        ("，", [1, 4]),  # in any width
        ("e", [1, 5, 7]),
        ("zebra", []),
        ("4 是一个", [3]),
        ('" OR grams', []),
        ("NEAR(机器 学习)", []),
    ],
)
def test_rows_that_hold_a_text_are_found(database: Database, text: str, rows: list[int]) -> None:
    assert search(database, text).to_list() == rows


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(["机", "器", "学", "a", "bc", "b", " ", "，", "12"]), max_size=8), st.data())
def test_whatever_stands_side_by_side_in_a_text_is_found_in_its_grams(pieces: list[str], data: st.DataObject) -> None:
    text = "".join(pieces)
    tokens = tokenise(normalise(text))
    begin = data.draw(st.integers(0, len(tokens)))
    some = " ".join(tokens[begin : data.draw(st.integers(begin, len(tokens)))])
    sought, goes_on = phrase(some)
    if sought:
        assert f" {sought}{'' if goes_on else ' '}" in f" {grams([text])} "


def test_add_makes_an_index_for_its_rows_and_leaves_the_others(seedbed: Seedbed, tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text('{"instruction": "写一首诗", "output": "月光如水"}\n', encoding="utf-8")
    (tmp_path / "more.jsonl").write_text('{"instruction": "写一封信", "output": "见字如面"}\n', encoding="utf-8")
    root = tmp_path / "d"
    assert seedbed("curate", tmp_path / "rows.jsonl", "--out", root, "--quiet").code == 0
    first = (root / "search/part-00000.sqlite").read_bytes()
    assert seedbed("add", root, tmp_path / "more.jsonl", "--quiet").code == 0
    assert (root / "search/part-00000.sqlite").read_bytes() == first
    assert sorted(path.name for path in (root / "search").iterdir()) == ["part-00000.sqlite", "part-00001.sqlite"]
    with Database.open(root) as database:
        assert search(database, "如").to_list() == [0, 1]
    assert seedbed("verify", root).code == 0


def test_an_index_that_is_lost_damaged_or_of_other_rows_is_made_anew_by_the_next_decision(
    seedbed: Seedbed, tmp_path: Path
) -> None:
    (tmp_path / "rows.jsonl").write_text('{"instruction": "写一首诗", "output": "月光如水"}\n', encoding="utf-8")
    root = tmp_path / "d"
    seedbed("curate", tmp_path / "rows.jsonl", "--out", root, "--quiet")
    index = root / "search/part-00000.sqlite"
    whole = index.read_bytes()
    changed = whole.replace("月光".encode(), "日光".encode())
    assert changed != whole
    # What is no index of these rows is not looked at, and the rows themselves are; what could be one is not trusted.
    for damage, code in ((b"", 0), (whole[:5000], 0), (changed, 6), (None, 0)):
        index.write_bytes(damage) if damage is not None else index.unlink()
        ended = seedbed("show", root, "--search", "月光")
        assert ended.code == code, damage
        assert ("写一首诗" in ended.out) == (code == 0)
        assert seedbed("curate", root, "--quiet").code == 0
        assert index.read_bytes() == whole
        assert seedbed("verify", root).code == 0


def test_an_older_folder_without_indexes_is_searched_and_gets_them(folder: Path, tmp_path: Path) -> None:
    bare = DatasetFolder(tmp_path / "d")
    (bare.root / "samples").mkdir(parents=True)
    (bare.root / "samples/part-00000.parquet").write_bytes((folder / "samples/part-00000.parquet").read_bytes())
    assert [path.name for path in missing_indexes(bare)] == ["part-00000.parquet"]
    write_indexes(bare, load_settings(None, [], environ={}).execution)
    assert not bare.search.exists()  # of a part that nobody knows no index is made
