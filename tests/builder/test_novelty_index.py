"""The index against an exhaustive comparison: the same match, whatever the lengths, repeats, groups and thresholds."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builder.generation.novelty_index import Match, NoveltyIndex
from builder.similarity import least_lcs, similarity
from builder.text import Thresholds, token_mode

THRESHOLDS = [0.2, 0.5, 0.6, 0.7, 0.9]
BOTH = st.builds(Thresholds, st.sampled_from([*THRESHOLDS, 1.0]), st.sampled_from([*THRESHOLDS, 1.0]))
WORDS = st.sampled_from(["the", "a", "of", "write", "poem", "list", "诗", "写", "一", "首"])
RECORDS = st.lists(st.tuples(st.lists(WORDS, max_size=16), st.sampled_from(["x", "y", "z"])), min_size=1, max_size=30)

Record = tuple[list[str], str]
SAME = Thresholds(0.7, 0.7)


def exhaustive(records: list[Record], tokens: list[str], group: str, thresholds: Thresholds) -> Match | None:
    """Most similar first, then the lowest row; what exceeds is decided by `least_lcs`, which has tests of its own."""
    best: Match | None = None
    for row, (other, owner) in enumerate(records):
        score = similarity(tokens, other)
        threshold = thresholds.of(*(token_mode(" ".join(text)) == "cjk" for text in (tokens, other)))
        if owner != group and score > threshold and (best is None or score > best.similarity):
            best = Match(row, score, threshold)
    return best


def indexed(records: list[Record], thresholds: Thresholds) -> NoveltyIndex:
    index = NoveltyIndex(thresholds)
    for row, (tokens, group) in enumerate(records):
        index.add(row, tokens, group)
    return index


@settings(max_examples=150)
@given(RECORDS, st.lists(WORDS, max_size=16), st.sampled_from(["x", "y", "w"]), BOTH)
def test_a_match_is_the_most_similar_record_outside_the_group(
    records: list[Record], tokens: list[str], group: str, thresholds: Thresholds
) -> None:
    index = indexed(records, thresholds)
    assert len(index) == len(records)
    for probe in [tokens, *(tokens for tokens, _ in records)]:
        assert index.match(probe, group) == exhaustive(records, probe, group, thresholds)


def variations(rng: random.Random, lengths: list[int]) -> list[Record]:
    """Texts of skewed words with many repeats; two in three are an earlier one with tokens left out, added or moved."""
    words = [f"w{i}" for i in range(400)]
    weights = [1 / (rank + 2) for rank in range(len(words))]
    records: list[Record] = []
    for number in range(150):
        if records and number % 3:
            tokens = list(rng.choice(records)[0])
            for _ in range(rng.randint(0, max(1, len(tokens) // 4))):
                place = rng.randrange(len(tokens))
                change = rng.randrange(3)
                if change == 0 and len(tokens) > 1:
                    del tokens[place]
                elif change == 1:
                    tokens.insert(place, rng.choices(words, weights)[0])
                else:
                    tokens.append(tokens.pop(place))
        else:
            tokens = rng.choices(words, weights, k=rng.choice(lengths))
        records.append((tokens, str(number)))
    return records


@pytest.mark.parametrize("threshold", [0.5, 0.7])
@pytest.mark.parametrize("lengths", [[5, 12, 30], [60, 64, 65, 66], [40, 90, 130, 180, 400]])
def test_matches_hold_within_and_across_bands_of_length(lengths: list[int], threshold: float) -> None:
    thresholds = Thresholds(threshold, threshold)
    records = variations(random.Random(11), lengths)
    index = indexed(records, thresholds)
    found = [index.match(tokens, group) for tokens, group in records]
    assert found == [exhaustive(records, tokens, group, thresholds) for tokens, group in records]
    assert 20 < sum(match is not None for match in found) < len(records)


def test_a_frame_that_many_records_share_hides_no_match() -> None:
    rng = random.Random(4)
    frame = [f"f{i}" for i in range(12)]
    records = [
        ([*frame[:6], *(f"w{rng.randrange(500)}" for _ in range(rng.randint(4, 9))), *frame[6:]], str(i))
        for i in range(600)
    ]
    index = indexed(records, SAME)
    for tokens, group in records[::20]:
        assert index.match(tokens, group) == exhaustive(records, tokens, group, SAME)


def test_tokens_that_no_record_has_count_against_a_match() -> None:
    index = indexed([(["write", "a", "poem", "about", "rain"], "x")], SAME)
    assert index.match(["write", "a", "poem", "about", "snow"]) == Match(0, 0.8000000000000002, 0.7)
    assert index.match(["write", "a", "poem", "concerning", "snow"]) is None
    assert index.match(["snow", "storms", "everywhere", "today"]) is None


def test_equal_texts_give_the_lowest_row_outside_the_group() -> None:
    index = NoveltyIndex(SAME)
    for row, group in ((8, "x"), (3, "y"), (5, "x")):
        index.add(row, ["写", "诗"], group)
    assert index.match(["写", "诗"]) == Match(3, 1.0, 0.7)
    assert index.match(["写", "诗"], "y") == Match(5, 1.0, 0.7)
    assert len(index) == 3


@pytest.mark.parametrize("threshold", THRESHOLDS)
def test_lengths_that_differ_too_much_never_match(threshold: float) -> None:
    words = [f"w{i}" for i in range(300)]
    for m in (1, 2, 7, 40, 70):
        index = indexed([(words[:m], "x")], Thresholds(threshold, threshold))
        for n in (1, 2, 3, 7, 13, 14, 40, 64, 65, 75, 131, 300):
            least = least_lcs(m, n, threshold)
            expected = least is not None and least <= min(m, n)
            assert (index.match(words[:n], "y") is not None) == expected
