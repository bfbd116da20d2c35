"""The scan over columns against the sequential scan, with `rouge_score` itself where it can judge."""

import random
from collections.abc import Collection, Sequence
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rouge_score import rouge_scorer

from builder.config import Execution
from builder.curation.differences import request_key, telling_difference
from builder.curation.novelty import (
    edges,
    local_neighbours,
    meetings,
    requests,
    scanning,
    sharded_neighbours,
    signature_columns,
    signature_index,
    signatures,
    token_sequences,
)
from builder.curation.novelty.scanning import scan_columns
from builder.text import tokenise

Row = tuple[int, str, str, bool]
Dropped = list[tuple[int, int, float]]


class ByCharacters:
    """Gives `rouge_score` the project's tokens: its own tokenizer drops Chinese."""

    def tokenize(self, text: str) -> list[str]:
        return tokenise(text)


ROUGE = rouge_scorer.RougeScorer(["rougeL"], tokenizer=ByCharacters())


def rouge(a: str, b: str) -> float:
    return float(ROUGE.score(a, b)["rougeL"].fmeasure)


def alike(text: str, other: str) -> bool:
    """Nothing tells two requests apart."""
    return request_key(tokenise(text)) == request_key(tokenise(other)) and telling_difference(text, other) is None


def sequential(rows: Sequence[Row], threshold: float, imported: Collection[int] = ()) -> Dropped:
    """Every row against every kept one: the most similar above the threshold, the lowest row among equals.

    Where one of two rows is imported, nothing may tell them apart; of a row that is not, only the words are its.
    """

    def compared(row: Row, other: Row) -> bool:
        own = [row[0] in imported, other[0] in imported]
        texts = [text if all(own) else " ".join(tokenise(text)) for text in (row[1], other[1])]
        return not any(own) or alike(*texts)

    kept: list[Row] = []
    dropped: Dropped = []
    for row, text, group, exempt in rows:
        scores = [
            (rouge(held[1], text), -held[0])
            for held in kept
            if held[2] != group and compared((row, text, group, exempt), held)
        ]
        above = [score for score in scores if score[0] > threshold]
        if above and not exempt:
            score, number = max(above)
            dropped.append((row, -number, score))
        else:
            kept.append((row, text, group, exempt))
    return dropped


def table(rows: Sequence[Row], imported: Collection[int] = ()) -> pa.Table:
    types = {"row": pa.int64(), "text": pa.large_string(), "group": pa.large_string(), "exempt": pa.bool_()}
    columns = {name: pa.array([row[place] for row in rows], types[name]) for place, name in enumerate(types)}
    if imported:
        columns["imported"] = pa.array([row[0] in imported for row in rows], pa.bool_())
        columns["request"] = pa.array([request_key(tokenise(row[1])) for row in rows], pa.binary())
    return pa.table(columns)


def scanned(
    rows: Sequence[Row],
    threshold: float,
    *,
    kept: Sequence[Row] | None = None,
    memory_limit: int | None = None,
    spill: Path | None = None,
    workers: int = 1,
    shards: int | None = None,
    imported: Collection[int] = (),
) -> Dropped:
    before = None if kept is None else table(kept, imported)
    found = scan_columns(
        table(rows, imported),
        threshold,
        kept=before,
        memory_limit=memory_limit,
        spill=spill,
        workers=workers,
        shards=None if shards is None else Execution(workers=shards),
    )
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


@pytest.fixture(params=["extended", "single", "long", "table"])
def portions(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs, portions and partitions so small that a few rows fill many of them; signatures of two tokens, or of one, or none."""
    monkeypatch.setattr(scanning, "_ROWS_AT_ONCE", 5)
    monkeypatch.setattr(scanning, "_MEETINGS_OF_A_ROW", 1)
    monkeypatch.setattr(signature_index, "_SEQUENCES_AT_ONCE", 4)
    monkeypatch.setattr(meetings, "_AT_ONCE", 3)
    monkeypatch.setattr(signature_index, "_ENTRIES_OF_A_PARTITION", 30)
    monkeypatch.setattr(signatures, "_SAMPLE", 8)
    monkeypatch.setattr(signatures, "_PAIRS_PER_SIGNATURE", 1000 if request.param == "single" else 0)
    monkeypatch.setattr(local_neighbours, "_PAIRS_OF_A_MEETING", 1 << 30 if request.param == "table" else 4)
    monkeypatch.setattr(edges, "_ROWS", 3)
    monkeypatch.setattr(edges, "_COLUMNS", 4)
    monkeypatch.setattr(sharded_neighbours, "_FETCHED", 3)
    monkeypatch.setattr(sharded_neighbours, "_SIGNED_AT_ONCE", 2)
    if request.param == "long":
        monkeypatch.setattr(meetings, "_COUNTERS", 20)
        monkeypatch.setattr(meetings, "_SPARSE", 4)
        monkeypatch.setattr(signatures, "_SHORT", 4)
        monkeypatch.setattr(signatures, "_TOKENS_OF_A_COUNT", 3)
    monkeypatch.setattr(token_sequences, "_TEXTS_AT_ONCE", 5)
    monkeypatch.setattr(token_sequences, "_PAIRS_AT_ONCE", 2)


@pytest.mark.usefixtures("portions")
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(some_rows(), THRESHOLDS, st.integers(1, 3), st.sampled_from([None, 100]))
def test_decisions_depend_on_no_portion_partition_worker_or_memory_limit(
    rows: list[Row], threshold: float, workers: int, memory_limit: int | None
) -> None:
    assert scanned(rows, threshold, workers=workers, memory_limit=memory_limit) == sequential(rows, threshold)


@pytest.mark.usefixtures("portions")
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(some_rows(), THRESHOLDS, st.sampled_from([1, 2, 8]), st.integers(0, 30))
def test_decisions_depend_on_no_number_of_shards(rows: list[Row], threshold: float, shards: int, cut: int) -> None:
    first = scanned(rows[:cut], threshold, shards=shards)
    assert first == sequential(rows[:cut], threshold)
    gone = {row for row, _, _ in first}
    kept = [row for row in rows[:cut] if row[0] not in gone]
    assert first + scanned(rows[cut:], threshold, kept=kept, shards=shards) == sequential(rows, threshold)


@settings(max_examples=60)
@given(some_rows(), THRESHOLDS, st.integers(0, 30))
def test_added_rows_are_judged_as_in_one_scan_of_all(rows: list[Row], threshold: float, cut: int) -> None:
    first = scanned(rows[:cut], threshold)
    gone = {row for row, _, _ in first}
    kept = [row for row in rows[:cut] if row[0] not in gone]
    assert first + scanned(rows[cut:], threshold, kept=kept) == sequential(rows, threshold)


REQUESTS = st.sampled_from(
    [
        *("Sort the list", "Please sort a list!", "sort list", "Sort list 3 + 5", "Sort list 3 - 5", "sort list 5 3"),
        *("Turn Celsius to Fahrenheit", "Turn Fahrenheit to Celsius", "Please turn Celsius to Fahrenheit", "Sort C", "Sort C++"),
        *("请把中文译成英文", "把中文译成英文。", "把英文译成中文", "hi", "Hi!", "", "!!", "Sort the List", "List the sort"),
    ]
)  # fmt: skip
IMPORTED = st.one_of(st.just(frozenset(range(30))), st.frozensets(st.integers(0, 29)))


@st.composite
def some_requests(draw: st.DrawFn) -> list[Row]:
    drawn = draw(st.lists(st.tuples(REQUESTS, st.sampled_from("vwxyz"), st.integers(0, 5)), max_size=30))
    numbers = draw(st.permutations(range(len(drawn))))
    return [(number, text, group, die == 0) for number, (text, group, die) in zip(numbers, drawn, strict=True)]


@pytest.mark.usefixtures("portions")
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(some_requests(), IMPORTED, THRESHOLDS, st.integers(1, 3), st.sampled_from([None, 1, 3]), st.integers(0, 30))
def test_an_imported_row_goes_only_if_nothing_tells_it_apart_wherever_the_work_is_done(
    rows: list[Row], imported: frozenset[int], threshold: float, workers: int, shards: int | None, cut: int
) -> None:
    whole = sequential(rows, threshold, imported)
    assert scanned(rows, threshold, imported=imported, workers=workers, shards=shards) == whole
    first = scanned(rows[:cut], threshold, imported=imported, shards=shards)
    gone = {row for row, _, _ in first}
    kept = [row for row in rows[:cut] if row[0] not in gone]
    assert first + scanned(rows[cut:], threshold, kept=kept, imported=imported, shards=shards) == whole


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
    monkeypatch.setattr(requests, "telling_difference", lambda *_: pytest.fail("compared"))
    rng = random.Random(3)
    for things in ("123456789", "BCEFGHXOZ"):
        texts = {f"Sort what follows and print it on one line: {' '.join(rng.sample(things, 9))}" for _ in range(500)}
        assert scanned(plain(sorted(texts)), 0.7, imported=frozenset(range(len(texts)))) == []


def test_requests_in_one_template_meet_none_of_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = "Is the sentiment of this sentence positive, negative or neutral? I think that the hotel was"
    texts = [f"{frame} {word}{end}" for word in (f"w{number}" for number in range(2_000)) for end in ("", "!")]
    imported = frozenset(range(len(texts)))
    compared: list[int] = []
    monkeypatch.setattr(requests, "telling_difference", lambda *texts: compared.append(len(texts)))
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
    assert scanned(plain(texts), 0.7, shards=3) == found


def test_a_template_leaves_its_few_survivors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scanning, "_MEETINGS_OF_A_ROW", 2)
    rng = random.Random(3)
    frame = "in one sentence tell me what you think the writer meant when he said"
    texts = [f"{frame} {' '.join(f'w{rng.randrange(900)}' for _ in range(rng.randint(1, 6)))}" for _ in range(400)]
    assert scanned(plain(texts), 0.7) == sequential(plain(texts), 0.7)


@pytest.mark.parametrize("largest", [0xFFFF, 50])
def test_long_and_short_texts_meet(largest: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signature_columns, "LARGEST", largest)
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
    assert scanned(plain(texts), 0.5, shards=3) == sequential(plain(texts), 0.5)


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
    assert scan_columns(table([]), 0.7).schema == scanning.DROPPED


def test_decisions_hold_when_tokens_outnumber_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(token_sequences, "_CHARACTERS", 5)
    texts = ["a b c d e", "a b c d f", "x y z", "x y z w", "d c b a", "a b c d e g", "x y z w v"]
    assert scanned(plain(texts), 0.7) == sequential(plain(texts), 0.7)
    monkeypatch.setattr(local_neighbours, "_PAIRS_OF_A_MEETING", 1 << 30)
    assert scanned(plain(texts), 0.7) == sequential(plain(texts), 0.7)


def test_files_of_signatures_are_removed(tmp_path: Path) -> None:
    texts = [f"write a poem about the {word} in the garden" for word in ("cat", "dog", "tree")]
    assert scanned(plain(texts), 0.7, memory_limit=1, spill=tmp_path) == [(1, 0, 8 / 9), (2, 0, 8 / 9)]
    assert list(tmp_path.iterdir()) == []
