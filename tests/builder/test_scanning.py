"""The scan over columns against the sequential scan, with `rouge_score` itself where it can judge."""

import random
from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rouge_score import rouge_scorer

from builder.config import Execution
from builder.curation.asking import overlap, read_request, request_key
from builder.curation.differences import reordered, telling_difference
from builder.curation.facts import facts_schema, request_facts
from builder.curation.novelty import (
    meetings,
    neighbours,
    requests,
    scanning,
    signatures,
    token_sequences,
)
from builder.curation.novelty.requests import REQUEST_COLUMNS
from builder.curation.novelty.scanning import scan_columns
from builder.text import Thresholds, count_words, token_mode, tokenise
from tests.builder.references import scan

Row = tuple[int, str, str, bool]
Dropped = list[tuple[int, int, float]]


class ByCharacters:
    """Gives `rouge_score` the project's tokens: its own tokenizer drops Chinese."""

    def tokenize(self, text: str) -> list[str]:
        return tokenise(text)


ROUGE = rouge_scorer.RougeScorer(["rougeL"], tokenizer=ByCharacters())


def rouge(a: str, b: str) -> float:
    return float(ROUGE.score(a, b)["rougeL"].fmeasure)


def likeness(text: str, other: str, answer: str = "", other_answer: str = "") -> float:
    """How alike two requests are of which one is imported, as the documentation tells it; no answer is a stock phrase."""
    some, others = read_request(text), read_request(other)
    words, other_words = count_words(answer), count_words(other_answer)
    same = min(words, other_words) > 0 and answer.lower().rstrip(".") == other_answer.lower().rstrip(".")
    if not tokenise(text) or not tokenise(other):
        return 0.0
    if request_key(some) == request_key(others):
        labels = not same and 0 < words < 4 and 0 < other_words < 4 and tokenise(text) != tokenise(other)
        return float(not labels and reordered(text, other) is None)
    if not same or words < 8 or some.given != others.given:
        return 0.0
    return 0.0 if telling_difference(text, other, same_answer=True) else overlap(some, others)


def both(threshold: float | Thresholds) -> Thresholds:
    return threshold if isinstance(threshold, Thresholds) else Thresholds(threshold, threshold)


def sequential(
    rows: Sequence[Row],
    threshold: float | Thresholds,
    imported: Collection[int] = (),
    answers: Mapping[int, str] = MappingProxyType({}),
) -> Dropped:
    """Every row against every kept one: the most similar above the threshold, the lowest row among equals.

    Where one of two rows is imported, they are as similar as can be, or not at all.
    """

    def compared(row: Row, other: Row) -> float:
        if row[0] not in imported and other[0] not in imported:
            return rouge(row[1], other[1])
        return likeness(row[1], other[1], answers.get(row[0], ""), answers.get(other[0], ""))

    kept: list[Row] = []
    dropped: Dropped = []
    for row, text, group, exempt in rows:
        scores = [(compared(held, (row, text, group, exempt)), -held[0], held[1]) for held in kept if held[2] != group]
        needed = [both(threshold).of(*(token_mode(t) == "cjk" for t in (text, other))) for _, _, other in scores]
        above = [(score, other) for (score, other, _), least in zip(scores, needed, strict=True) if score > least]
        if above and not exempt:
            score, number = max(above)
            dropped.append((row, -number, score))
        else:
            kept.append((row, text, group, exempt))
    return dropped


REQUEST_SCHEMA = pa.schema([field for field in facts_schema("auto") if field.name in REQUEST_COLUMNS])


def table(
    rows: Sequence[Row], imported: Collection[int] = (), answers: Mapping[int, str] = MappingProxyType({})
) -> pa.Table:
    types = {"row": pa.int64(), "text": pa.large_string(), "group": pa.large_string(), "exempt": pa.bool_()}
    columns = {name: pa.array([row[place] for row in rows], types[name]) for place, name in enumerate(types)}
    if imported:
        columns["imported"] = pa.array([row[0] in imported for row in rows], pa.bool_())
        facts = pa.Table.from_pylist([request_facts(row[1], answers.get(row[0], "")) for row in rows], REQUEST_SCHEMA)
        columns |= dict(zip(facts.column_names, facts.columns, strict=True))
    return pa.table(columns)


def scanned(
    rows: Sequence[Row],
    threshold: float | Thresholds,
    *,
    workers: int = 1,
    imported: Collection[int] = (),
    answers: Mapping[int, str] = MappingProxyType({}),
) -> Dropped:
    found = scan_columns(table(rows, imported, answers), both(threshold), Execution(workers=workers))
    return list(zip(*(found[name].to_pylist() for name in ("row", "of", "similarity")), strict=True))


def plain(texts: Sequence[str]) -> list[Row]:
    return [(row, text, str(row), False) for row, text in enumerate(texts)]


WORDS = st.sampled_from(["the", "the", "the", "of", "a", "Write", "list", "poem", "rain", "写", "写", "诗", "一", "首"])
TEXTS = st.lists(WORDS, max_size=16).map(" ".join)


@st.composite
def some_rows(draw: st.DrawFn) -> list[Row]:
    drawn = draw(st.lists(st.tuples(TEXTS, st.sampled_from("vwxyz"), st.integers(0, 5)), max_size=30))
    numbers = draw(st.permutations(range(len(drawn))))
    return [(number, text, group, die == 0) for number, (text, group, die) in zip(numbers, drawn, strict=True)]


THRESHOLDS = st.sampled_from([0.2, 0.5, 0.6, 2 / 3, 0.7, 0.8, 0.95])


@settings(max_examples=100)
@given(some_rows(), THRESHOLDS)
def test_decisions_are_those_of_the_sequential_scan_with_rouge_score(rows: list[Row], threshold: float) -> None:
    assert scanned(rows, threshold) == sequential(rows, threshold)


@settings(max_examples=80)
@given(some_rows(), st.builds(Thresholds, THRESHOLDS | st.just(1.0), THRESHOLDS | st.just(1.0)))
def test_texts_in_characters_have_a_threshold_of_their_own_in_the_scan_and_at_admission(
    rows: list[Row], thresholds: Thresholds
) -> None:
    found = scanned(rows, thresholds)
    assert found == sequential(rows, thresholds)
    admitted = scan(
        rows, thresholds, row=lambda r: r[0], text=lambda r: r[1], group=lambda r: r[2], exempt=lambda r: r[3]
    )
    assert [(row, match.row, match.similarity) for row, match in admitted.items()] == found


@pytest.fixture(params=["extended", "single", "long"])
def portions(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs, portions and partitions so small that a few rows fill many of them; signatures of two tokens, or of one."""
    monkeypatch.setattr(scanning, "_ROWS_AT_ONCE", 5)
    monkeypatch.setattr(scanning, "_MEETINGS_OF_A_ROW", 1)
    monkeypatch.setattr(signatures, "_AT_ONCE", 4)
    monkeypatch.setattr(meetings, "_AT_ONCE", 3)
    monkeypatch.setattr(signatures, "_SAMPLE", 8)
    monkeypatch.setattr(signatures, "_PAIRS_PER_SIGNATURE", 1000 if request.param == "single" else 0)
    monkeypatch.setattr(neighbours, "_FETCHED", 3)
    monkeypatch.setattr(neighbours, "_SIGNED_AT_ONCE", 2)
    if request.param == "long":
        monkeypatch.setattr(meetings, "_COUNTERS", 20)
        monkeypatch.setattr(meetings, "_SPARSE", 4)
        monkeypatch.setattr(signatures, "_SHORT", 4)
        monkeypatch.setattr(signatures, "_TOKENS_OF_A_COUNT", 3)
    monkeypatch.setattr(token_sequences, "_TEXTS_AT_ONCE", 5)
    monkeypatch.setattr(token_sequences, "_PAIRS_AT_ONCE", 2)


@pytest.mark.usefixtures("portions")
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(some_rows(), THRESHOLDS, st.sampled_from([1, 2, 3, 8]))
def test_decisions_depend_on_no_portion_part_or_worker(rows: list[Row], threshold: float, workers: int) -> None:
    assert scanned(rows, threshold, workers=workers) == sequential(rows, threshold)


REQUESTS = st.sampled_from(
    [
        *("Sort the list", "Please sort a list!", "sort list", "Sort list 3 + 5", "Sort list 3 - 5", "sort list 5 3"),
        *("Turn Celsius to Fahrenheit", "Turn Fahrenheit to Celsius", "Please turn Celsius to Fahrenheit", "Sort C", "Sort C++"),
        *("请把中文译成英文", "把中文译成英文。", "把英文译成中文", "hi", "Hi!", "", "!!", "Sort the List", "List the sort"),
    ]
)  # fmt: skip
IMPORTED = st.one_of(st.just(frozenset(range(30))), st.frozensets(st.integers(0, 29)))
ANSWERS = st.sampled_from(
    ["", "", "Yes", "No", "one two three four five six seven eight", "It lists nine things, one a line."]
)


@st.composite
def some_requests(draw: st.DrawFn) -> list[Row]:
    drawn = draw(st.lists(st.tuples(REQUESTS, st.sampled_from("vwxyz"), st.integers(0, 5)), max_size=30))
    numbers = draw(st.permutations(range(len(drawn))))
    return [(number, text, group, die == 0) for number, (text, group, die) in zip(numbers, drawn, strict=True)]


@pytest.mark.usefixtures("portions")
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    *(some_requests(), IMPORTED, st.dictionaries(st.integers(0, 29), ANSWERS)),
    *(st.builds(Thresholds, THRESHOLDS, THRESHOLDS), st.integers(1, 3)),
)
def test_an_imported_row_goes_only_if_nothing_tells_it_apart_wherever_the_work_is_done(
    rows: list[Row], imported: frozenset[int], answers: dict[int, str], thresholds: Thresholds, workers: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(requests, "_MOST_ASKING", 30)
        found = scanned(rows, thresholds, imported=imported, answers=answers, workers=workers)
    assert found == sequential(rows, thresholds, imported, answers)


@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("List five tips for a better sleep.", "Could you please list five tips for a better sleep? Thanks!"),
        ("List five tips for better sleep.", "I would like you to list five tips for better sleep."),
        ("What is the capital city of France?", "What's the capital city of France?"),
        ("写一首关于春天的诗。", "麻烦您帮我写一首关于春天的诗，谢谢！"),
        ("写一首关于春天的诗。", "你好，能不能写首关于春天的诗？"),
        ("中国的首都是哪里？", "请问，中国的首都是哪里呢？"),
        ("列出五个提高睡眠质量的方法。", "请列出5种提高睡眠质量的方法吧"),
        ("将下面的句子翻译成英文：我喜欢苹果。", "请把下面的句子翻译成英文：我喜欢苹果"),
    ],
)
def test_politeness_around_an_imported_request_makes_no_difference(text: str, other: str) -> None:
    assert [(row, of) for row, of, _ in scanned(plain([text, other]), 0.7, imported={0, 1})] == [(1, 0)]


@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("How do you say hello in French?", "How do you say thanks in French?"),
        ("What is the past tense of give in English?", "What is the past tense of provide in English?"),
        ("介绍一下酒吧这个行业。", "介绍一下酒这个行业。"),
        ("请用三句话介绍张三和种子。", "请用三句话介绍三和子。"),
        ("写一个关于下一位总统的故事。", "写一个关于总统的故事。"),
    ],
)
def test_the_same_words_inside_an_imported_request_are_what_it_is_about(text: str, other: str) -> None:
    assert scanned(plain([text, other]), 0.6, imported={0, 1}) == []


def test_numbers_and_letters_in_another_order_are_never_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "reordered", lambda *_, **__: pytest.fail("compared"))
    rng = random.Random(3)
    for things in ("123456789", "BCEFGHXOZ"):
        texts = {f"Sort what follows and print it on one line: {' '.join(rng.sample(things, 9))}" for _ in range(500)}
        assert scanned(plain(sorted(texts)), 0.7, imported=frozenset(range(len(texts)))) == []


@pytest.mark.parametrize("kind", ["order", "signs"])
def test_very_many_texts_of_the_same_words_do_not_all_meet(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(3)
    nouns = [
        "moon",
        "river",
        "table",
        "cloud",
        "spoon",
        "garden",
        "window",
        "pepper",
        "candle",
        "bridge",
        "violin",
        "saddle",
    ]
    made = {
        "order": lambda: f"Describe a {' '.join(rng.sample(nouns, 12))}.",
        "signs": lambda: "Compute " + "".join(f"7 {rng.choice('+-*/')} " for _ in range(12)) + "7",
    }
    texts = sorted({made[kind]() for _ in range(600)})
    compared: list[int] = []
    monkeypatch.setattr(requests, "reordered", lambda *texts, **_: compared.append(len(texts)))
    repeated = [*texts, *(f"Please {text}" for text in texts)]
    found = scanned(plain(repeated), 0.7, imported=frozenset(range(len(repeated))))
    assert [(row, of) for row, of, _ in found] == [(row + len(texts), row) for row in range(len(texts))]
    assert len(compared) < 2 * len(repeated)


def test_requests_in_one_template_meet_none_of_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = "Is the sentiment of this sentence positive, negative or neutral? I think that the hotel was"
    texts = [f"{frame} {word}{end}" for word in (f"w{number}" for number in range(2_000)) for end in ("", "!")]
    imported = frozenset(range(len(texts)))
    compared: list[int] = []
    monkeypatch.setattr(requests, "reordered", lambda *texts, **_: compared.append(len(texts)))
    found = scanned(plain(texts), 0.7, imported=imported)
    assert [(row, of) for row, of, _ in found] == [(row, row - 1) for row in range(1, len(texts), 2)]
    assert len(compared) == 2_000


def variations(rng: random.Random, stems: Sequence[str], words: Sequence[str], glue: str, count: int) -> list[str]:
    """Texts of a few stems with words left out, put in and moved: many ties and near misses."""
    texts = []
    for _ in range(count):
        tokens = list(rng.choice(stems).split(glue) if glue else rng.choice(stems))
        for _ in range(rng.randint(0, 6)):
            place = rng.randrange(len(tokens))
            change = rng.randrange(3)
            if change == 0 and len(tokens) > 2:
                del tokens[place]
            elif change == 1:
                tokens.insert(place, rng.choice(words))
            else:
                tokens.append(tokens.pop(place))
        texts.append(glue.join(tokens))
    return texts


def test_texts_of_shared_frames_are_judged_as_by_the_sequential_scan() -> None:
    rng = random.Random(7)
    english = [
        "Write a short poem about the rain that falls on the roof of the old house",
        "List the five most important rivers of the country and say where each of them ends",
    ]
    chinese = [
        "请把下面这段话改写得更正式一些，不要改变它原来的意思。",
        "用三句话说明光合作用对地球上的生物为什么重要。",
    ]
    texts = variations(rng, english, ["the", "of", "new", "green", "list"], " ", 150)
    texts += variations(rng, chinese, ["的", "了", "新", "句"], "", 150)
    rng.shuffle(texts)
    found = scanned(plain(texts), 0.7)
    assert found == sequential(plain(texts), 0.7)
    assert 100 < len(found) < 295
    assert scanned(plain(texts), 0.7, workers=3) == found


def test_a_template_leaves_its_few_survivors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scanning, "_MEETINGS_OF_A_ROW", 2)
    rng = random.Random(3)
    frame = "in one sentence tell me what you think the writer meant when he said"
    texts = [f"{frame} {' '.join(f'w{rng.randrange(900)}' for _ in range(rng.randint(1, 6)))}" for _ in range(400)]
    assert scanned(plain(texts), 0.7) == sequential(plain(texts), 0.7)


@pytest.mark.parametrize("largest", [0xFFFF, 50])
def test_long_and_short_texts_meet(largest: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signatures, "LARGEST", largest)
    monkeypatch.setattr(meetings, "LARGEST", largest)
    rng = random.Random(3)
    words = [f"w{rng.randrange(40)}" for _ in range(200)]
    texts = []
    for size in (20, 40, 64, 65, 120):
        for share in (1.0, 0.9, 0.7, 0.6, 0.54):
            start = rng.randrange(200 - size + 1)
            kept = sorted(rng.sample(range(size), round(share * size)))
            texts.append(" ".join(words[start : start + size][place] for place in kept))
    rng.shuffle(texts)
    assert scanned(plain(texts), 0.7) == sequential(plain(texts), 0.7)
    assert scanned(plain(texts), 0.5) == sequential(plain(texts), 0.5)
    assert scanned(plain(texts), 0.5, workers=3) == sequential(plain(texts), 0.5)


def test_texts_of_a_few_words_are_judged_as_by_the_sequential_scan() -> None:
    rng = random.Random(5)
    texts = [" ".join(rng.choices("abcdefghijkl", k=rng.choice([3, 4, 5, 6, 9, 55]))) for _ in range(140)]
    found = scanned(plain(texts), 0.7)
    assert found == sequential(plain(texts), 0.7)
    assert 5 < len(found) < 130


def test_short_texts_and_texts_without_tokens_all_stay() -> None:
    texts = ["写诗", "讲笑话", "翻译", "你好吗", "计算", "Hi", "Sing", "😀", "😀", "", "!!"]
    assert scanned(plain(texts), 0.7) == []


def test_equal_short_texts_go() -> None:
    assert scanned(plain(["Hi", "写诗", "hi!", "写诗。"]), 0.7) == [(2, 0, 1.0), (3, 1, 1.0)]


def test_every_tie_is_decided_as_rouge_score_decides_it() -> None:
    ties = [
        (m, n, 7 * (m + n) // 20)
        for m in range(1, 151)
        for n in range(1, 151)
        if 7 * (m + n) % 20 == 0 and 7 * (m + n) // 20 <= min(m, n)
    ]
    assert len(ties) == 531
    rows: list[Row] = []
    for number, (m, n, shared) in enumerate(ties):
        common = [f"t{number}c{place}" for place in range(shared)]
        for size, side in ((m, "a"), (n, "b")):
            own = [f"t{number}{side}{place}" for place in range(size - shared)]
            rows.append((len(rows), " ".join(common + own), str(len(rows)), False))
    found = scanned(rows, 0.7)
    expected = [
        (2 * number + 1, 2 * number)
        for number, (m, n, shared) in enumerate(ties)
        if rouge(rows[2 * number][1], rows[2 * number + 1][1]) > 0.7
    ]
    assert [(row, of) for row, of, _ in found] == expected
    assert len(found) == 272


def test_a_threshold_of_one_drops_nothing() -> None:
    assert scanned(plain(["same text", "same text"]), 1.0) == []


def test_no_rows_give_an_empty_table() -> None:
    assert scan_columns(table([]), Thresholds(0.7, 0.7), Execution()).schema == scanning.DROPPED


def test_decisions_hold_when_tokens_outnumber_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(token_sequences, "_CHARACTERS", 5)
    texts = ["a b c d e", "a b c d f", "x y z", "x y z w", "d c b a", "a b c d e g", "x y z w v"]
    assert scanned(plain(texts), 0.7) == sequential(plain(texts), 0.7)
