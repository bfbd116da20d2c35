"""Quality: what is said beside answers of the same form, a fair place for every form, and weights learnt from marks."""

import json
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

from builder import pipeline
from builder.config import Quality
from builder.curation import deciding
from builder.curation.quality import score_rows
from builder.curation.weighing import fit_weights
from builder.encoders import Codes, character_codes
from builder.errors import UsageError
from builder.pipeline.weights import fit_folder
from builder.progress import Reporter
from builder.schema import Message, Sample
from builder.settings_file import load_settings
from builder.signals import measure_row
from builder.signals.given import JUDGE
from builder.signals.substance import content_share, copied_share, form_of, is_chinese, weigh
from builder.signals.wanted import wanted_of
from builder.store.dataset_folder import DatasetFolder
from builder.text import tokenise
from tests.command import Seedbed

QUIET = Reporter(quiet=True)


def row(question: str, answer: str, number: int = 0, language: str = "en") -> Sample:
    turns = (Message("user", question), Message("assistant", answer))
    return Sample(number, f"t{number}", turns, None, language, "imported", "test")


def scores(rows: list[Sample]) -> pl.DataFrame:
    values = [measure_row(sample) for sample in rows]
    known = pl.DataFrame({name: [v[name] for v in values] for name in values[0]}, strict=False)
    where = pl.DataFrame({"row": range(len(rows)), "language": [sample.language for sample in rows]})
    return score_rows(pl.concat([where, known], how="horizontal"), Quality())


@pytest.mark.parametrize(
    ("answer", "form"),
    [
        ("42", "number"),
        ("77.0°F", "number"),
        ("Positive", "short"),
        ("副词", "short"),
        ("The moon pulls the water of the sea towards itself twice a day.", "sentence"),
        ("月亮每天两次把海水拉向自己，于是就有了潮起潮落。", "sentence"),
        ("Here you are:\n1. Bring a coat\n2. Bring a map\n3. Bring some water and bread", "list"),
        (
            "def total(items):\n    result = 0\n    for item in items:\n        result += item\n    return result",
            "code",
        ),
        ("Tides rise and fall as the moon pulls. " * 6, "text"),
    ],
)
def test_answers_have_a_form(answer: str, form: str) -> None:
    assert form_of(answer, len(tokenise(answer)), chinese=is_chinese(answer)) == form


@pytest.mark.parametrize(
    ("question", "wanted"),
    [
        ("Is 7 prime? Answer yes or no.", "brief"),
        ("How many legs does a spider have?", "brief"),
        ("下面的评论是正面还是负面？", "brief"),
        ("法国的首都是哪里？只回答城市名。", "brief"),
        ("Explain how tides arise.", "long"),
        ("写一篇关于潮汐的文章。", "long"),
        ("Translate into French: good night", None),
        ("Explain in one word why the sea is salty.", "either"),
        ("Describe the sea in 3 words.", "either"),
        ("Compare a stone and a feather and tell which is heavier.", "either"),
        ("4个点可以组成多少个三角形？", "either"),
        ("Put this into the past tense.\n\nThe teacher tries to explain the rule.", None),
        ("Offer a sentence that could describe a brave person.", None),
        ("选择最能解释“众包”的句子。", None),
        ("把这句话翻译成英文。", None),
    ],
)
def test_what_is_wanted(question: str, wanted: str | None) -> None:
    assert wanted_of(question) == wanted


def test_words_weigh_by_their_letters_and_function_words_nothing() -> None:
    assert weigh(set(tokenise("the tide of the tide"))) == 4
    assert weigh(set(tokenise("photosynthesis"))) == 14
    assert weigh(set(tokenise("潮汐的"))) == 2
    assert content_share(tokenise("it is the moon")) == 0.25
    assert content_share([]) == 0
    assert copied_share("Take this sentence. Then go on.", "Write on.\nTake this sentence.") == 18 / 31


def test_two_long_texts_are_compared_in_little_time() -> None:
    answer, question = ("\n".join(f"{kind} line number {n} of many" for n in range(40_000)) for kind in ("its", "our"))
    begun = time.process_time()
    assert copied_share(answer, question) == 0
    assert time.process_time() - begun < 1  # 0.02 s; 10 s when all of both was compared


@pytest.mark.parametrize(
    ("question", "better", "worse"),
    [
        (
            "Is 7 prime? Answer yes or no.",
            "Yes",
            "There are many kinds of numbers, and it is important to know about them. " * 9,
        ),
        (
            "Explain how tides arise.",
            "The moon's gravity pulls the oceans into two bulges, and Earth turns beneath them.",
            "By the moon.",
        ),
        (
            "What makes bread rise?",
            "Yeast turns sugar into carbon dioxide, which swells the dough.",
            "It is what it is and that is how it is.",
        ),
        (
            "怎样才能睡好？请详细说明。",
            "固定作息时间，睡前一小时关掉屏幕，卧室保持凉爽安静，下午以后不喝咖啡。",
            "早睡。",
        ),
        (
            "Describe the sea at dawn.",
            "Grey water brightens to copper while gulls wheel above the harbour wall.",
            "Describe the sea at dawn. Describe the sea at dawn.",
        ),
    ],
)
def test_the_better_answer_scores_higher_whatever_its_length(question: str, better: str, worse: str) -> None:
    one, other = scores([row(question, better), row(question, worse)])["score"]
    assert one > other


WORDS = [
    "harbour",
    "gravity",
    "copper",
    "lantern",
    "orchard",
    "granite",
    "meadow",
    "compass",
    "violin",
    "thunder",
    "ribbon",
    "saddle",
]


def made(number: int, rng: np.random.Generator) -> Sample:
    """A row whose answer has one of five forms, the first ones rarer."""
    form = int(rng.choice(5, p=[0.05, 0.1, 0.15, 0.3, 0.4]))
    some = [str(word) for word in rng.choice(WORDS, 12)]
    answers = (
        str(rng.integers(1, 500)),
        some[0],
        "\n".join(
            f"{place}. Take the {word} and the {other}"
            for place, (word, other) in enumerate(zip(some[:6], some[6:], strict=True), 1)
        ),
        f"The {some[0]} of the {some[1]} is a {some[2]} for the {some[3]} and it is {some[4]}.",
        " ".join(
            f"The {word} is by the {other} and it is what we have."
            for word, other in zip(some[:6], some[6:], strict=True)
        ),
    )
    return row(f"What of the {' '.join(some[: int(rng.integers(2, 9))])} {number}?", answers[form], number)


def test_the_best_tenth_holds_every_form_by_its_share(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = [made(number, rng) for number in range(600)]
    forms = [str(measure_row(sample)["answer_form"]) for sample in rows]
    quality = scores(rows)["quality"].to_numpy()
    best = np.argsort(-quality, kind="stable")[:60]
    shares, chosen = Counter(forms), Counter(forms[place] for place in best)
    assert set(shares) == {"number", "short", "list", "sentence", "text"}
    for form, count in shares.items():
        assert 0.5 <= (chosen[form] / 60) / (count / 600) <= 2, form


def test_rows_are_encoded_only_where_some_have_to_be_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    rows = [made(number, rng) for number in range(8)]
    encoded: list[int] = []

    def encode(texts: Sequence[str]) -> Codes:
        encoded.append(len(texts))
        return character_codes(texts)

    monkeypatch.setattr(deciding, "character_codes", encode)
    for asked in ([], ["target=8"], ["target=4", "balance.choose=quality"]):
        deciding.decide(rows, [measure_row(one) for one in rows], load_settings(None, asked, {}), reviews={})
        assert encoded == []
    deciding.decide(rows, [measure_row(one) for one in rows], load_settings(None, ["target=4"], {}), reviews={})
    assert encoded == [8]


def test_a_good_mark_is_better_than_none_and_a_bad_one_worse() -> None:
    rows = pl.DataFrame({"row": [0, 1, 2, 3], "refusal": [False] * 4, "judge_score": [4.0, 2.0, None, 3.0]})
    scores = score_rows(rows, Quality())["score"].to_list()
    assert scores[0] > scores[2] == scores[3] > scores[1]


def test_weights_are_learnt_where_pairs_speak_and_stay_where_they_do_not() -> None:
    rng = np.random.default_rng(0)
    speaks = rng.normal(0.5, 0.5, 300)
    misleads = rng.normal(-0.5, 0.5, 300)
    weights = fit_weights(np.column_stack([speaks, misleads, np.zeros(300)]), np.ones(3))
    assert weights[0] > 2
    assert weights[1] == 0
    assert weights[2] == 1


@pytest.fixture(scope="module")
def curated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = np.random.default_rng(1)
    root = tmp_path_factory.mktemp("fit") / "d"
    source = root.parent / "rows.json"
    words = [
        f"{first}{second}{third}" for first in WORDS for second in ("al", "or", "un") for third in ("ic", "age", "ness")
    ]
    texts = [[str(word) for word in rng.choice(words, int(rng.integers(18, 60)))] for _ in range(160)]
    rows = [
        {"instruction": f"Tell me of thing {number} {' '.join(text[:4])}.", "output": " and the ".join(text) + "."}
        for number, text in enumerate(texts)
    ]
    source.write_text(json.dumps(rows), encoding="utf-8")
    pipeline.curate_files([source], load_settings(None, ["novelty.threshold=1"], environ={}), root, QUIET)
    return root


def mark(root: Path, marks: dict[int, float]) -> None:
    folder = DatasetFolder(root)
    count = len(marks)
    columns = ([*marks], [*marks.values()], [""] * count, ["marked"] * count)
    arrays = [pa.array(values, field.type) for values, field in zip(columns, JUDGE.schema, strict=True)]
    with folder.lock():
        folder.write_signal("judge", pa.Table.from_arrays(arrays, schema=JUDGE.schema))
        folder.refresh_manifest()


def test_marks_that_follow_a_component_are_learnt_and_written_when_asked(curated: Path, seedbed: Seedbed) -> None:
    said = pl.read_parquet(curated / "signals" / "substance.parquet")["information"].to_list()
    mark(curated, {number: 1.0 + round(4 * value, 1) for number, value in enumerate(said)})
    before = (curated / "seedbed.yaml").read_text(encoding="utf-8")
    fitted = fit_folder(curated, None, QUIET)
    assert (fitted.source, fitted.learnt.rows, fitted.written) == ("judge", 160, False)
    assert fitted.learnt.worth_using
    assert fitted.learnt.learnt.accuracy > 0.95 > fitted.learnt.current.accuracy
    assert fitted.learnt.weights["information"] > 2
    assert fitted.learnt.gain[1] > 0
    assert (curated / "seedbed.yaml").read_text(encoding="utf-8") == before
    done = seedbed("quality", "fit", curated, "--write", "--quiet")
    assert done.code == 0
    assert "Worth using: +" in done.out
    learnt = load_settings(curated / "seedbed.yaml", environ={}).quality.weights
    assert learnt.information == fitted.learnt.weights["information"]
    assert DatasetFolder(curated).verify() == []


def test_marks_by_chance_are_not_worth_using(curated: Path) -> None:
    rng = np.random.default_rng(3)
    mark(curated, {number: float(rng.integers(1, 6)) for number in range(160)})
    assert not fit_folder(curated, None, QUIET).learnt.worth_using


@pytest.mark.parametrize(
    ("marks", "message"),
    [
        ({}, r"its rows have no marks to learn from"),
        (dict.fromkeys(range(20), 3.0), r"20 marked rows with an answer are too few to learn from, 50 are needed"),
        (dict.fromkeys(range(80), 4.0), r"all 80 marks are 4, so they prefer no row to another"),
        (
            {**dict.fromkeys(range(50), 4.0), 7: 3.0},
            r"prefer one row of a language and form of answer to another \d+ times, 50 are",
        ),
    ],
)
def test_marks_that_teach_nothing_are_refused(curated: Path, marks: dict[int, float], message: str) -> None:
    mark(curated, marks)
    with pytest.raises(UsageError, match=message) as refused:
        fit_folder(curated, None, QUIET)
    assert "seedbed judge" in (refused.value.remedy)
