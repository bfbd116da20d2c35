"""Categories for rows without one, and levels of difficulty in caps and floors."""

import asyncio
import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from builder import pipeline
from builder.config import CATEGORIES, Balance, Categories, Settings
from builder.curation.balance import balance_rows
from builder.curation.classifying import Guesses, guess_categories, guess_notes, typical_requests, with_guesses
from builder.curation.difficulty import score_difficulty
from builder.encoders import quantise
from builder.errors import BudgetReachedError, UsageError
from builder.progress import Reporter
from builder.settings_file import dump_settings, load_settings
from builder.store.dataset_folder import DatasetFolder
from builder.text import detect_language
from tests.endpoint import Endpoint, completion, serving

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
            "novelty_text": [text for text, _ in lines],
            "category": [category or None for _, category in lines],
        }
    )


def guess(rows: pl.DataFrame, asked: Categories = Categories()) -> Guesses:  # noqa: B008 (frozen)
    found = guess_categories(rows, asked)
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
    assert {
        item["category"] for item in found.figures["by_category"]
    } == TEXTS.keys()  # and none that the rows do not name


# Written for this; none of their words about a topic is in a typical request.
FRESH = {
    "Rewrite this note to the plumber so that it sounds friendlier.": "rewriting",
    "Translate the knitting pattern into Danish.": "translation",
    "Write a Python function that counts vowels.": "code",
    "What is the tallest bridge in Portugal?": "open_qa",
    "Summarize the minutes of the choir's meeting.": "summarising",
    "Calculate 15% of 640.": "mathematics",
    "把这条租房启事改写得更客气些。": "rewriting",
    "把这份针织图解翻译成丹麦文。": "translation",
    "写一首关于灯塔的诗。": "writing",
    "葡萄牙最高的桥是哪一座？": "open_qa",
    "总结合唱团的会议记录。": "summarising",
    "计算640的15%。": "mathematics",
}


def test_where_no_row_has_a_category_guesses_come_from_typical_requests() -> None:
    rows = labelled_rows(*FRESH)[96:]
    found = guess(rows, Categories(min_probability=0.4))
    guessed = dict(zip(FRESH, found.table["category_guess"], strict=True))
    assert {text: name for text, name in guessed.items() if name is not None}.items() <= FRESH.items()
    assert len(FRESH) - found.table["category_guess"].null_count() >= 9
    assert (found.figures["shipped"], found.figures["accuracy"]) == (True, None)
    (note,) = guess_notes(found)
    assert "It learnt from requests that come with Seedbed" in note.text_en
    assert "自带的典型请求" in note.text_zh


def test_there_are_typical_requests_for_every_category_in_both_languages_and_none_twice() -> None:
    texts, names = typical_requests()
    assert set(names) == set(CATEGORIES)
    assert len(set(texts)) == len(texts)
    for name in CATEGORIES:
        languages = {detect_language(text) for text, of in zip(texts, names, strict=True) if of == name}
        assert languages == {"en", "zh"}


def test_what_the_teacher_said_of_some_rows_is_learnt_from() -> None:
    odd = [f"Quench the {topic}." for topic in TOPICS[:6]]
    rows = labelled_rows(*odd, "Quench the rivet.", "What is the tallest bridge in Portugal?")[96:]
    alone = guess(rows)
    told = guess(rows.with_columns(category_asked=pl.Series([*["planning"] * 6, None, "nonsense"])))
    assert alone.table["category_guess"].to_list()[:7] != ["planning"] * 7
    assert told.table["category_guess"].to_list()[:7] == ["planning"] * 7
    assert told.table["category_guess"].to_list()[7] == "open_qa"  # a name that is none of the categories says nothing
    assert told.table["category_probability"].to_list()[:6] == [1.0] * 6
    assert told.figures["asked"] == 6


def test_a_teacher_who_named_nothing_is_not_recommended_again() -> None:
    rows = labelled_rows(*FRESH)[96:]
    (note,) = guess_notes(guess(rows.with_columns(category_asked=pl.lit(None, pl.String))))
    assert "its replies named none of the categories" in note.text_en
    assert "categories.ask" not in note.text_en
    assert "没有可用的类别" in note.text_zh


def test_asking_without_guessing_is_a_mistake() -> None:
    with pytest.raises(UsageError, match=r"categories\.guess: true"):
        load_settings(None, ["categories.ask=5"], environ={})


def test_an_encoders_vectors_are_learnt_from_too() -> None:
    class Topics:
        """Tells apart what these texts ask for, which their words do not."""

        def encode(self, texts: list[str]) -> list[list[float]]:
            return [[1.0, 0.0] if "wuzzle" in text else [0.0, 1.0 + len(text) % 7] for text in texts]

    lines = [f"wuzzle {number}{number % 10}" for number in range(40)] + [f"fizzle {number}" for number in range(40)]
    rows = labelled_rows()[:0].vstack(
        pl.DataFrame(
            {
                "row": range(82),
                "task_id": [f"t{number}" for number in range(82)],
                "novelty_text": [*lines, "grumble", "grumble"],
                "category": ["code"] * 40 + ["planning"] * 40 + [None, None],
            }
        )
    )
    codes = quantise([*Topics().encode(lines), [1.0, 0.0], [0.0, 3.0]])
    found = guess_categories(rows, Categories(), codes)
    assert found is not None
    assert found.table["category_guess"].to_list() == ["code", "planning"]


def test_guesses_do_not_depend_on_the_order_of_the_rows() -> None:
    rows = labelled_rows("Translate the sentence about dogs into French.", "计算九与七的和。")
    there, back = guess(rows), guess(rows.reverse())
    assert there.figures == back.figures
    assert there.table.equals(back.table)


def test_the_less_sure_it_may_be_the_more_it_guesses() -> None:
    rows = labelled_rows("Translate seven functions into Python.", "写一个计算的句子。", "Tea.")
    guessed = [guess(rows, Categories(min_probability=p)).figures["guessed"] for p in (0.0, 0.6, 1.0)]
    assert guessed[0] == 3
    assert guessed == sorted(guessed, reverse=True)
    assert guessed[2] == 0


def test_nothing_is_guessed_where_every_row_has_a_category_and_rare_ones_are_not_learnt_from_alone() -> None:
    rows = labelled_rows("Summarize the minutes of the choir's meeting.")
    assert guess_categories(rows[:-1], Categories()) is None
    found = guess(rows, Categories(min_rows=33))  # so that typical requests are learnt from, beside the rows
    assert found.figures["shipped"]
    assert found.table["category_guess"].to_list() == ["summarising"]


def test_a_category_of_its_own_is_never_replaced() -> None:
    rows = pl.DataFrame({"row": [0, 1, 2], "category": ["code", None, ""]})
    guesses = pl.DataFrame({"row": [1, 2], "category_guess": ["writing", None], "category_probability": [0.9, 0.3]})
    assert with_guesses(rows, guesses)["category"].to_list() == ["code", "writing", None]


def write_rows(path: Path) -> Path:
    rows = [
        {"instruction": text, "output": f"It is done, as asked, number {n}.", "category": category}
        for n, (text, category) in enumerate(labelled_rows().select("novelty_text", "category").iter_rows())
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


NAMES = {"Rewrite": "rewriting", "把": "Rewriting", "Summarise": "summarising", "Tell": "gossip", "Say": None}


@contextmanager
def naming(delay: float = 0.0) -> Iterator[Endpoint]:
    """An endpoint that names the category of each line by its first word, and counts."""
    endpoint = Endpoint("")

    async def chat(request: Request) -> Response:
        body = json.loads(await request.body())
        endpoint.bodies.append(body)
        await asyncio.sleep(delay * (endpoint.posts > 1))
        prompt = body["messages"][0]["content"]
        lines = [
            json.loads(line) for line in prompt.split("\n") if line.startswith('{"id": ') and "instruction" in line
        ]
        named = [
            {"id": line["id"], "category": NAMES[next(w for w in NAMES if line["instruction"].startswith(w))]}
            for line in lines
        ]
        return JSONResponse(completion(json.dumps({"categories": named})))

    with serving(Starlette(routes=[Route("/v1/chat/completions", chat, methods=["POST"])])) as url:
        endpoint.url = url
        yield endpoint


def asked_rows(path: Path) -> Path:
    openings = ["Rewrite", "把", "Summarise", "Tell", "Say"]
    rows = [
        {"instruction": f"{word} 第{n}号 the note {n} of {TOPICS[n]}", "output": f"Done with {TOPICS[n]} {n}."}
        for word in openings
        for n in range(12)
    ]
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def asking(url: str, *more: str) -> Settings:
    overrides = ["categories.guess=true", "categories.ask=45", "novelty.threshold=1", "teacher.provider=openai"]
    overrides += [f"teacher.base_url={url}", "teacher.model=m", "budget.prices={m: {input: 1, output: 2}}"]
    return load_settings(None, [*overrides, "filters.drop_language_mismatch=false", *more], environ={})


def test_the_teacher_is_asked_for_a_sample_once_and_its_cost_is_shown_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    root = tmp_path / "out"
    with naming() as endpoint:
        pipeline.curate_files([asked_rows(tmp_path / "rows.jsonl")], asking(endpoint.url), root, Reporter())
        said = capsys.readouterr().err
        assert re.search(
            r"m is asked for the categories of 45 rows: [34] requests, about [\d,]+ tokens, 0\.\d+ USD", said
        )
        assert said.count("Deciding: ") == said.count("Asking for categories: ") == 1
        assert said.index("Asking for categories: 45 of 45") < said.index("Deciding: 60 of 60")
        posts = endpoint.posts
        pipeline.curate_folder(root, None, ["categories.min_probability=0.4"], Reporter(quiet=True))
        assert endpoint.posts == posts  # every reply is in the ledger
    folder = DatasetFolder(root)
    guesses = folder.read_signal("category_guess").to_pylist()
    sure = {line["category_guess"] for line in guesses if line["category_probability"] == 1.0}
    assert {"rewriting", "summarising"} <= sure
    assert {line["category_guess"] for line in guesses} <= {*CATEGORIES, None}  # gossip is none of them
    report = json.loads((root / "report.json").read_text())
    told = report["categories"]["asked"]
    assert 20 < told < 36
    assert any(f"The teacher named those of {told} rows" in note["text_en"] for note in report["notes"])
    assert pipeline.verify(root) == []
    system = endpoint.bodies[0]["messages"][0]["content"]
    assert "rewriting: a given text in other words" in system or "rewriting: 把给出的文字换个说法" in system


def test_a_cap_holds_and_a_run_that_is_killed_goes_on_with_what_it_bought(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    root, rows = tmp_path / "out", asked_rows(tmp_path / "rows.jsonl")
    with naming() as endpoint:
        capped = asking(endpoint.url, "budget.max_requests=1", "teacher.concurrency=1")
        with pytest.raises(BudgetReachedError):
            pipeline.curate_files([rows], capped, root, Reporter(quiet=True))
        assert endpoint.posts == 1
        assert not (root / "MANIFEST.json").exists()
    with naming(delay=30) as endpoint:
        command = [sys.executable, "-m", "builder", "curate", str(rows), "--out", str(root), "--quiet"]
        settings = tmp_path / "settings.yaml"
        settings.write_text(dump_settings(asking(endpoint.url, "teacher.concurrency=1")))
        process = subprocess.Popen([*command, "--settings", str(settings)])
        until(lambda: endpoint.posts == 2)  # the first of them is answered, the second is under way
        process.kill()
        process.wait()
    with naming() as endpoint:
        pipeline.curate_files([rows], asking(endpoint.url), root, Reporter(quiet=True))
        shown = "".join(body["messages"][0]["content"] for body in endpoint.bodies)
        assert endpoint.posts == 1 + (shown.count('{"id": ') > 21)
        assert shown.count('"instruction": ') < 45 - 20
    assert pipeline.verify(root) == []


def until(true: Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_the_embedded_teacher_is_asked_for_no_categories(tmp_path: Path) -> None:
    settings = load_settings(None, ["categories.guess=true", "categories.ask=5"], environ={})
    with pytest.raises(UsageError, match="the embedded teacher reads no requests"):
        pipeline.curate_files([asked_rows(tmp_path / "rows.jsonl")], settings, tmp_path / "out", Reporter(quiet=True))
