"""Pictures in messages: read in the dialects that files have, judged by their text, published and exported whole."""

import base64
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import Dataset, Features, Image, List, Value, load_dataset

from builder.config import Meaning
from builder.curation import facts
from builder.curation.contamination import find_overlaps, index_benchmark, load_benchmark
from builder.curation.exact import conversation_fingerprint
from builder.curation.meaning import near_rows, same_meaning
from builder.curation.paraphrase import Paraphrases
from builder.curation.redacting import redact_row
from builder.encoders import CharacterEncoder, quantise
from builder.errors import InputFileError
from builder.formats.importing import open_samples, read_samples
from builder.formats.writing import export, plan_export
from builder.generation.seeds import load_seed_tasks
from builder.pictures import with_parts, with_texts
from builder.pipeline.marking import unjudgeable
from builder.progress import Reporter
from builder.schema import Message, Sample, sample_from_record, task_messages
from builder.signals.defects import find_defects
from builder.signals.language import measure_language
from tests.command import Seedbed
from tests.pictures import chat, write_png, write_rows

QUIET = Reporter(quiet=True)
ADDRESS = "https://example.invalid/c.jpg"
ASKED = "What is shown?"
DATA = "data:image/png;base64," + base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(60)).decode()


def parts_of(turn: Message, folder: Path) -> list[str]:
    """The parts of a turn, pictures in brackets and without the folder."""
    if turn.parts is None:
        return [turn.content]
    return [
        part["text"] if part["type"] == "text" else f"[{part['image'].removeprefix(f'{folder}/')}]"
        for part in json.loads(turn.parts)
    ]


def read(path: Path, rows: list[dict[str, Any]]) -> list[Sample]:
    return read_samples([write_rows(path, rows)], reporter=QUIET).samples


def of_parts(*parts: Any, **columns: Any) -> dict[str, Any]:
    return chat(list(parts), "A cat.") | columns


def share(*texts: str, **columns: Any) -> dict[str, Any]:
    tags = ("human", "gpt") * len(texts)
    return {"conversations": [{"from": t, "value": v} for t, v in zip(tags, texts, strict=False)]} | columns


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        # OpenAI's two ways
        (of_parts({"type": "text", "text": ASKED}, {"type": "image_url", "image_url": {"url": ADDRESS, "detail": "low"}}), [ASKED, f"[{ADDRESS}]"]),
        (of_parts({"type": "input_text", "text": ASKED}, {"type": "input_image", "image_url": "b/a.png"}), [ASKED, "[b/a.png]"]),
        # Hugging Face and TRL: places in the turns, pictures in a column
        (of_parts({"type": "image"}, {"type": "text", "text": ASKED}, images=["a.png"]), ["[a.png]", ASKED]),
        (of_parts({"type": "image", "text": None, "index": 1}, {"text": "or"}, {"type": "image", "index": 0}, images=["a.png", "b.png"]),
         ["[b.png]", "or", "[a.png]"]),
        (of_parts({"type": "image", "path": "./x/../a.png"}, {"type": "text", "text": ASKED}), ["[a.png]", ASKED]),
        (chat(ASKED, "A cat.") | {"images": ["a.png", "b.png"]}, ["[a.png]", "[b.png]", ASKED]),
        # Qwen's parts without types, and its older marks
        (of_parts({"image": "file:///data/%E7%8C%AB.png"}, {"text": ASKED}), ["[/data/猫.png]", ASKED]),
        (chat("Picture 1: <img>a.png</img>\nPicture 2: <img>b.png</img>\n哪张是猫？", "第一张。"),
         ["Picture 1: ", "[a.png]", "\nPicture 2: ", "[b.png]", "\n哪张是猫？"]),
        (chat("<img>a.png</img>这是什么？", "猫。"), ["[a.png]", "这是什么？"]),
        # Anthropic's
        (of_parts({"type": "image", "source": {"media_type": "image/png", "data": DATA.partition(",")[2]}}, {"type": "text", "text": ASKED}),
         [f"[{DATA}]", ASKED]),
        # ShareGPT, LLaMA-Factory and LLaVA
        (share("<image>\nWhat is shown?", "A cat.", image="a.png"), ["[a.png]", "\nWhat is shown?"]),
        (share("<image>和<image>有什么不同？", "颜色不同。", images=["a.png", "b.png"]), ["[a.png]", "和", "[b.png]", "有什么不同？"]),
        ({"instruction": "<image>描述图片", "input": "", "output": "一只猫。", "images": ["a.png"]}, ["[a.png]", "描述图片"]),
        # a table of questions about pictures
        ({"question": ASKED, "answer": "A cat.", "image": "a.png"}, ["[a.png]", ASKED]),
        ({"问题": "图里是什么？", "回答": "猫。", "图片": '["a.png"]'}, ["[a.png]", "图里是什么？"]),
    ],
)  # fmt: skip
def test_every_dialect_gives_the_texts_and_pictures_in_their_order(
    tmp_path: Path, row: dict[str, Any], expected: list[str]
) -> None:
    sample = read(tmp_path / "a.jsonl", [row])[0]
    first = next(turn for turn in sample.messages if turn.role == "user")
    assert parts_of(first, tmp_path) == expected
    texts = [part.strip("\n") for part in expected if not part.startswith("[")]
    assert first.content == "\n".join(texts)
    if "instruction" in row:
        assert (sample.instruction, sample.input) == ("描述图片", "")


@pytest.mark.parametrize(
    "row",
    [
        chat("What does the <image> element of SVG do?", "It embeds a picture."),
        chat("![a cat](cat.png) 这段 Markdown 是什么意思？", "它插入一张图片。"),
        chat("Why does <img>cat.png</img> not work in HTML?", "img is a void element."),
        chat("Which base image is it?", "Debian's.") | {"image": "debian:13"},
        chat("How many?", "Two.") | {"image": 7},
        chat("<image> alone on a line of SVG", "It is drawn."),
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "Two"}, {"text": " parts."}]}]},
    ],
)
def test_what_only_looks_like_a_picture_stays_text(tmp_path: Path, row: dict[str, Any]) -> None:
    sample = read(tmp_path / "a.jsonl", [row])[0]
    content = row["messages"][0]["content"]
    assert sample.messages[0].content == (content if isinstance(content, str) else "Two parts.")
    assert all(turn.parts is None for turn in sample.messages)


PLACES = "its texts have places for {} pictures (<image>), and the row names {}"
NO_PICTURE = "its texts have a place for a picture (<image>), and its column of pictures is empty"


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        (share("<image><image>Compare.", "They differ.", images=["a.png"]), PLACES.format(2, 1)),
        (of_parts({"type": "image"}, {"type": "text", "text": ASKED}, images=["a.png", "b.png"]), PLACES.format(1, 2)),
        (share("<image>\nWhat is shown?", "A cat.", images=[]), NO_PICTURE),
        (share("<image>What?", "A cat.", images=[7]), "number 1: a picture is a number, expected a path or an address"),
        (of_parts({"type": "poll"}), "'messages', turn 1, part 1: a part of type 'poll', expected text or image"),
    ],
)
def test_pictures_and_places_that_do_not_match_are_named(tmp_path: Path, row: dict[str, Any], problem: str) -> None:
    with pytest.raises(InputFileError) as raised:
        read(tmp_path / "a.jsonl", [row | {"images": row.get("images", ["a.png"])}, row])
    assert problem in str(raised.value)


def test_rows_whose_pictures_cannot_be_kept_are_left_out_by_name_and_counted(tmp_path: Path) -> None:
    rows = [
        of_parts({"type": "text", "text": "Hi."}),
        of_parts({"type": "input_image", "file_id": "file-1"}),
        of_parts({"type": "image_url", "image_url": {"url": DATA + "A" * 65_536}}),
        of_parts({"type": "video_url", "video_url": {"url": "a.mp4"}}),
        of_parts({"type": "image_url", "image_url": {"url": DATA}}),
    ]
    files = open_samples([write_rows(tmp_path / "a.jsonl", rows)], reporter=QUIET)
    assert [sample.source for sample in files.samples(note=print)] == ["a.jsonl#1", "a.jsonl#5"]
    assert [(one["row"], one["rows"], one["problem"][:38]) for one in files.left_out()] == [
        (2, 1, "its picture is a file in somebody's ac"),
        (3, 1, "a picture of more than 64 KiB stands i"),
        (4, 1, "its content has a part of type video, "),
    ]


def test_pictures_inside_a_parquet_file_are_kept_where_a_file_of_their_name_is_beside_it(tmp_path: Path) -> None:
    write_png(tmp_path / "a.png", (255, 0, 0))
    held = [{"bytes": b"\x89PNG", "path": name} for name in ("a.png", "gone.png")]
    table = pa.table(
        {
            "messages": [json.dumps(chat([{"type": "image"}, {"type": "text", "text": ASKED}], "Red.")["messages"])]
            * 3,
            "images": [[held[0]], [held[1]], [{"bytes": None, "path": "gone.png"}]],
        }
    )
    pq.write_table(table, tmp_path / "rows.parquet")
    files = open_samples([tmp_path / "rows.parquet"], reporter=QUIET)
    assert [parts_of(sample.messages[0], tmp_path) for sample in files.samples(note=print)] == [
        ["[a.png]", ASKED],
        ["[gone.png]", ASKED],  # only named: curation looks for it
    ]
    assert [(one["row"], one["problem"][:52]) for one in files.left_out()] == [
        (2, "a picture stands in the file itself (bytes), and no ")
    ]


def test_tables_that_datasets_writes_name_their_pictures(tmp_path: Path) -> None:
    held = Path(write_png(tmp_path / "a.png", (255, 0, 0))).read_bytes()
    rows = {
        "images": [[{"bytes": held, "path": "a.png"}], [{"bytes": held, "path": None}], [], None],
        "question": ["What is red?", "What is lost?", "What is 2+2?", "谁写了《红楼梦》？"],
        "answer": ["All of it.", "Its name.", "4", "曹雪芹。"],
    }
    features = Features({"images": List(Image()), "question": Value("string"), "answer": Value("string")})
    table = Dataset.from_dict(rows, features=features)
    table.to_parquet(str(tmp_path / "rows.parquet"))
    table.save_to_disk(str(tmp_path / "disk"))
    (tmp_path / "disk" / "data-00000-of-00001.arrow").rename(tmp_path / "rows.arrow")
    for name in ("rows.parquet", "rows.arrow"):
        files = open_samples([tmp_path / name], reporter=QUIET)
        assert [parts_of(sample.messages[0], tmp_path) for sample in files.samples(note=print)] == [
            ["[a.png]", "What is red?"],
            ["What is 2+2?"],
            ["谁写了《红楼梦》？"],
        ]
        assert [(one["row"], one["rows"]) for one in files.left_out()] == [(2, 1)]


def test_texts_beside_pictures_are_mended(tmp_path: Path) -> None:
    path = write_rows(
        tmp_path / "a.jsonl", [of_parts({"type": "image"}, {"text": "Wrens &amp; robins?"}, images=["a.png"])]
    )
    turn = read_samples([path], mends=("entities",), reporter=QUIET).samples[0].messages[0]
    assert parts_of(turn, tmp_path) == ["[a.png]", "Wrens & robins?"]
    assert turn.content == "Wrens & robins?"


def test_paths_of_a_file_at_an_address_are_addresses_beside_it(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "a.jsonl", [of_parts({"type": "image", "image": "img/1.png"})])
    reporter = Reporter(quiet=True)
    with reporter.naming({str(path): "s3://bucket/in/a.jsonl"}):
        sample = read_samples([path], reporter=reporter).samples[0]
    assert parts_of(sample.messages[0], tmp_path) == ["[s3://bucket/in/img/1.png]"]


def pictured(text: str, *pictures: str, answer: str = "A plain picture of one colour.", row: int = 0) -> Sample:
    """A sample as it is read."""
    parts = [*({"type": "image", "image": one} for one in pictures), {"type": "text", "text": text}]
    turns = (with_parts(Message("user", ""), parts), Message("assistant", answer))
    return Sample(row, f"t{row}", turns, None, "en", "imported", f"a.json#{row}")


def test_a_row_without_pictures_has_the_id_that_it_always_had() -> None:
    text = Sample(0, "t", task_messages("Name a fruit.", None, "Pear"), None, "en", "imported", "s")
    assert text.id == "f613032790ecc6bd"
    ids = {text.id, pictured("Name a fruit.", "/a.png").id, pictured("Name a fruit.", "/b.png").id}
    assert len(ids) == 3


def test_rows_are_equal_where_texts_and_pictures_are() -> None:
    same = conversation_fingerprint(pictured("What is it?", "/a.png"))
    assert conversation_fingerprint(pictured("what  is it?", "/a.png")) == same
    others = [pictured("What is it?", "/A.png"), pictured("What is it?", "/a.png", "/a.png"), pictured("", "/a.png")]
    assert same not in map(conversation_fingerprint, others)


COLOURS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255), "grey": (9, 9, 9)}


@pytest.fixture
def colours(tmp_path: Path) -> dict[str, str]:
    return {name: write_png(tmp_path / "img" / f"{name}.png", colour) for name, colour in COLOURS.items()}


def about(colour: str, question: str = "Which colour fills this picture?", answer: str = "") -> dict[str, Any]:
    content: list[dict[str, Any]] = [{"type": "image", "image": f"img/{colour}.png"}]
    content += [{"type": "text", "text": question}] if question else []
    return chat(content, answer or f"The whole picture is filled with plain {colour}.")


ROWS = [
    about("red"),
    about("green"),  # the same words about another picture: another task
    about("green"),
    about("grey", "请问这张图片里是什么？", "整张图片都是接近黑色的灰。"),
    about("blue", ""),  # a question that is a picture
    about("violet"),  # whose file is not there
    about("red", "Please, which colour fills this picture?"),  # the first question, politely
    about("green", "Draw a box around the largest shape.", "It would span the whole picture, all of it green."),
    chat("<image> 标签在 SVG 里有什么用？", "它把一张位图嵌入矢量图形之中。"),
]
VERDICTS = {0: None, 1: None, 2: "exact_duplicate", 3: None, 4: None, 5: "missing_picture", 6: "too_similar", 7: None, 8: None}  # fmt: skip


def verdicts(folder: Path) -> dict[int, str | None]:
    table = pq.read_table(folder / "verdicts.parquet", columns=["row", "reason"])
    return dict(zip(table["row"].to_pylist(), table["reason"].to_pylist(), strict=True))


def test_rows_with_pictures_are_curated_by_their_text_and_their_pictures(
    tmp_path: Path, colours: dict[str, str], seedbed: Seedbed
) -> None:
    out = tmp_path / "out"
    done = seedbed("curate", write_rows(tmp_path / "a.jsonl", ROWS), "--out", out)
    assert done.code == 0
    assert "a.jsonl: rows with pictures: 8; they are kept by path or address, and not trained on here" in done.err
    assert verdicts(out) == VERDICTS
    why = seedbed("why", out, "5").out
    assert f"Picture missing (“{tmp_path}/img/violet.png”)" in why
    assert f"  [image: {tmp_path}/img/violet.png]\n  Which colour" in why
    assert "〔图片：grey.png〕 请问这张图片里是什么？" in seedbed("show", out, SEEDBED_REPORT_LANGUAGE="zh").out
    assert seedbed("show", out, "--search", "grey.png", "--json", SEEDBED_REPORT_LANGUAGE="en").out.count('"row"') == 1
    report = json.loads((out / "report.json").read_text(encoding="utf-8"))
    assert report["pictures"] == {"before": 8, "after": 5}
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "8 with pictures, 5 of them kept" in page
    assert "<img" not in page

    # What was found stands: pictures that go later change nothing, and a setting keeps rows whose pictures are elsewhere.
    Path(colours["red"]).unlink()
    assert seedbed("curate", out, "--redecide", "--set", "novelty.threshold=1").code == 0
    assert verdicts(out) == VERDICTS | {6: None}
    assert seedbed("curate", out, "--set", "filters.drop_missing_pictures=false").code == 0
    assert verdicts(out) == VERDICTS | {5: None, 6: None}


def test_each_file_is_looked_for_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seedbed: Seedbed) -> None:
    looked = Counter[str]()

    def is_file(path: str) -> bool:
        looked[path] += 1
        return True

    monkeypatch.setattr(facts, "is_file", is_file)
    rows = [about("red", f"Which colour has pixel {number}?") for number in range(60)] + [about("blue")]
    out = tmp_path / "out"
    arguments = ["--set", "execution.workers=1", "--set", "execution.partition_rows=20"]
    assert seedbed("curate", write_rows(tmp_path / "a.jsonl", rows), "--out", out, *arguments).code == 0
    assert looked == {f"{tmp_path}/img/red.png": 1, f"{tmp_path}/img/blue.png": 1}


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("Describe the following image.", "A dog runs on a beach."),
        ("根据图片回答问题。", "图中有三只猫。"),
        ("Create an image like this one.", "A sunset over hills, in warm colours."),
        ("Write Python code that draws this chart.", "The chart has two bars of unequal height."),
        ("?", "A dog runs on a beach."),
        ("画一个框。", "框住左上角的狗即可。"),
        ("", "A dog runs on a beach."),
    ],
)
def test_what_is_said_of_a_picture_that_is_there_is_no_defect(question: str, answer: str) -> None:
    sample = pictured(question, "/a.png", answer=answer)
    assert [finding.kind for finding in find_defects(sample)] == []
    assert facts.row_facts(sample)["asked"] is True


def test_what_is_read_from_a_picture_may_be_in_its_language() -> None:
    said = "出口请走右边，谢谢您的配合。"
    mismatches = [
        measure_language(sample)[2]
        for sample in (
            pictured("What does the sign in this photo say?", "/a.png", answer=said),
            pictured("Describe the mood of this photo in one sentence.", "/a.png", answer=said),
            Sample(0, "t", task_messages("What does the sign say?", None, said), None, "en", "imported", "s"),
            pictured("", "/a.png", answer=said),
        )
    ]
    assert mismatches == [False, True, True, False]


def test_a_benchmarks_question_about_a_picture_is_found_with_that_picture_alone() -> None:
    benchmark = load_benchmark([pictured("What is the capital shown on this map of France?", "/maps/fr.png")])
    index = index_benchmark(benchmark, 13)
    rows = [
        pictured("what is the capital shown on this map of France?", "/maps/fr.png", answer="Paris.", row=0),
        pictured("What is the capital shown on this map of France?", "/maps/es.png", answer="Madrid.", row=1),
    ]
    assert [(found.kind, found.turn) for found in find_overlaps(rows, index).values()] == [("picture", 0)]
    assert list(find_overlaps(rows, index)) == [0]


def test_rows_about_other_pictures_never_mean_the_same() -> None:
    texts = [
        "list five tips for better sleep",
        "list five tips for better sleep now",
        "list five tips for better sleep",
    ]
    codes = quantise(CharacterEncoder().encode(texts))
    keys = [b"1" * 8, b"1" * 8, b"2" * 8]
    rows = pl.DataFrame(
        {"row": [0, 1, 2], "novelty_text": texts, "family": ["a", "b", "c"], "exempt": False, "picture_key": keys}
    )
    settings = Meaning(encoder="characters", threshold=0.5)
    found = same_meaning(rows, codes, settings, Paraphrases("characters"))
    assert found["row"].to_list() == [1]
    near = near_rows(codes, rows["novelty_text"], 0.5, settings, pictures=rows["picture_key"])
    places = pl.Series([0, 1, 2]).to_numpy()
    assert {(int(a), int(b)) for a, b in zip(*near(places[:1], places[1:]), strict=True)} == {(0, 1)}


def test_the_texts_of_parts_are_redacted_and_the_pictures_stay() -> None:
    turn = pictured("Write to li.wei@qq.com about it.", "/a.png").messages[0]
    sample = Sample(3, "t", (turn, Message("assistant", "Done.")), None, "en", "imported", "a.json#3")
    redacted = redact_row(sample, 9).messages[0]
    assert redacted.content == "Write to [EMAIL_1] about it."
    assert json.loads(redacted.parts or "") == [
        {"type": "image", "image": "/a.png"},
        {"type": "text", "text": "Write to [EMAIL_1] about it."},
    ]
    assert with_texts(Message("user", "a"), str.upper) == Message("user", "A")


def test_a_teacher_is_shown_no_row_with_pictures(tmp_path: Path) -> None:
    assert unjudgeable(pictured("What is it?", "/a.png")) == "pictures"
    seeds = write_rows(tmp_path / "s.jsonl", [{"instruction": "Describe it.", "output": "A cat.", "image": "a.png"}])
    with pytest.raises(InputFileError, match="row 1: it has pictures, which a seed task has no place for"):
        load_seed_tasks([str(seeds)])


SAMPLES = [
    pictured("\nWhich is larger?", "/img/a.png", "/img/b.png", row=0),
    pictured("这是什么？", "/img/a.png", answer="一只猫。", row=1),
    Sample(2, "t2", task_messages("Name a fruit.", None, "Pear"), None, "en", "imported", "a.json#2"),
    replace(pictured("Describe it.", "/img/a.png", row=3), rejected="I cannot see it."),
]


def turns_of(samples: list[Sample]) -> list[tuple[Message, ...]]:
    return [sample.messages for sample in samples]


@pytest.mark.parametrize(
    ("format", "out"),
    [
        *(("messages", f"a{suffix}") for suffix in (".json", ".jsonl", ".parquet")),
        *(("sharegpt", f"a{suffix}") for suffix in (".json", ".parquet")),
        *((name, "folder") for name in ("prompt_completion", "trl", "unsloth", "llamafactory", "ms-swift")),
    ],
)
def test_pictures_come_back_from_every_export(tmp_path: Path, format: str, out: str) -> None:
    done = export(SAMPLES, format, tmp_path / out)
    assert done.skipped == []
    read_back: dict[str, Sample] = {}
    for file in done.files:
        for sample in read_samples([file.path], reporter=QUIET).samples:
            read_back[sample.answer] = sample
    assert {answer: sample.messages for answer, sample in read_back.items()} == {
        sample.answer: sample.messages for sample in SAMPLES[:3]
    } | {SAMPLES[3].answer: read_back[SAMPLES[3].answer].messages}


def test_each_target_has_pictures_as_it_takes_them(tmp_path: Path) -> None:
    of_web = pictured("What is it?", ADDRESS)

    llama = export(SAMPLES[:3], "llamafactory", tmp_path / "lf")
    info = json.loads((tmp_path / "lf" / "dataset_info.json").read_text(encoding="utf-8"))
    assert info["lf_chat"]["columns"] == {"messages": "conversations", "images": "images"}
    chats = json.loads((tmp_path / "lf" / "lf_chat.json").read_text(encoding="utf-8"))
    assert chats[0]["conversations"][0]["value"] == "<image><image>\nWhich is larger?"
    assert chats[0]["images"] == ["/img/a.png", "/img/b.png"]
    assert llama.rows == 3
    export(SAMPLES[:3], "trl", tmp_path / "trl")
    sft = [json.loads(line) for line in (tmp_path / "trl" / "trl.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [one["images"] for one in sft] == [["/img/a.png", "/img/b.png"], ["/img/a.png"], []]
    assert sft[1]["messages"][0]["content"] == [{"type": "image"}, {"type": "text", "text": "这是什么？"}]
    export([of_web], "openai", tmp_path / "openai.jsonl")
    assert json.loads((tmp_path / "openai.jsonl").read_text(encoding="utf-8"))["messages"][0]["content"] == [
        {"type": "image_url", "image_url": {"url": ADDRESS}},
        {"type": "text", "text": "What is it?"},
    ]


@pytest.mark.parametrize(
    ("format", "out", "sample", "why"),
    [
        ("alpaca", "a.json", SAMPLES[1], "it holds pictures, which this format has no place for"),
        ("prompt_completion", "a.csv", SAMPLES[1], "it holds pictures, which this format has no place for"),
        ("axolotl", "a", SAMPLES[1], "it holds pictures, which this format has no place for"),
        ("llamafactory", "a", pictured("What?", ADDRESS), "a picture is no file but an address or data, which LLaMA-Factory does not fetch"),
        ("sharegpt", "a.json", pictured("Is <image> a tag?", "/a.png"),
         "a text of a row with pictures holds <image>, which would stand for another one"),
        ("openai", "a.jsonl", SAMPLES[1], "message 1: a picture is neither an address nor data, and OpenAI reads no file of this machine"),
    ],
)  # fmt: skip
def test_what_a_target_cannot_hold_is_named(tmp_path: Path, format: str, out: str, sample: Sample, why: str) -> None:
    assert plan_export([sample], format, tmp_path / out).skipped == [(sample.row, why)]


def test_published_rows_are_what_trl_takes_and_come_back_equal(
    tmp_path: Path, colours: dict[str, str], seedbed: Seedbed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    out = tmp_path / "out"
    assert seedbed("curate", write_rows(tmp_path / "a.jsonl", ROWS), "--out", out).code == 0
    rows = load_dataset(str(out / "publish"), split="train", cache_dir=str(tmp_path / "cache"))
    red = rows[0]
    assert red["images"] == [colours["red"]]
    assert red["messages"][0]["content"] == [
        {"type": "image"},
        {"type": "text", "text": "Which colour fills this picture?"},
    ]
    assert red["messages"][1]["content"] == [{"type": "text", "text": "The whole picture is filled with plain red."}]
    plain = next(row for row in rows if row["row"] == 8)
    assert (plain["images"], plain["messages"][0]["content"]) == ([], "<image> 标签在 SVG 里有什么用？")
    again = read_samples([*sorted((out / "publish" / "data").glob("train-*"))], reporter=QUIET).samples
    kept = pq.read_table(out / "samples").to_pylist()
    stored = {record["row"]: sample_from_record(record).messages for record in kept}
    assert turns_of(again) == [stored[row["row"]] for row in rows]
    assert "`images`" in (out / "publish" / "README.md").read_text(encoding="utf-8")
