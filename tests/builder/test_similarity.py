import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rouge_score import rouge_scorer

from builder.generation.novelty_index import Match, NoveltyIndex
from builder.similarity import least_lcs, rouge_l, similarity
from builder.text import Thresholds, tokenise
from tests.builder.references import scan

ROUGE = rouge_scorer.RougeScorer(["rougeL"], use_stemmer=False)
SHORT_TEXTS = ["写诗", "讲笑话", "翻译", "你好吗", "计算", "Hi", "Sing"]


def rouge(a: str, b: str) -> float:
    return float(ROUGE.score(a, b)["rougeL"].fmeasure)


def sequential(texts: list[str], threshold: float) -> list[int]:
    kept: list[int] = []
    for i, text in enumerate(texts):
        if not any(rouge(texts[j], text) > threshold for j in kept):
            kept.append(i)
    return kept


def scanned(texts: list[str], threshold: float) -> list[int]:
    dropped = scan(
        list(enumerate(texts)),
        Thresholds(threshold, threshold),
        text=lambda t: t[1],
        row=lambda t: t[0],
        group=lambda t: str(t[0]),
    )
    return [i for i in range(len(texts)) if i not in dropped]


def score(a: str, b: str) -> float:
    return similarity(tokenise(a), tokenise(b))


def test_identical_chinese_sentences_score_one() -> None:
    assert score("请写一首关于秋天的诗。", "请写一首关于秋天的诗。") == 1.0


def test_chinese_sentences_that_share_only_python_stay_below_the_threshold() -> None:
    assert score("用Python计算圆的面积", "怎样安装Python环境？") < 0.7


def test_short_texts_all_survive() -> None:
    assert scanned(SHORT_TEXTS, 0.7) == list(range(7))


def test_a_match_names_the_closest_row_and_its_score() -> None:
    index = NoveltyIndex(Thresholds(0.7, 0.7))
    index.add(4, tokenise("List five fruits that grow in cold places"), "a")
    index.add(9, tokenise("List five fruits that grow in warm places"), "b")
    assert index.match(tokenise("List six fruits that grow in warm places")) == Match(9, 0.875, 0.7)


def test_members_of_one_task_do_not_match_each_other() -> None:
    index = NoveltyIndex(Thresholds(0.7, 0.7))
    index.add(0, tokenise("Sort the words by length"), "task")
    assert index.match(tokenise("Sort the words by length"), "task") is None
    assert index.match(tokenise("Sort the words by length"), "other") == Match(0, 1.0, 0.7)


def test_a_threshold_of_one_drops_nothing() -> None:
    assert scanned(["same text", "same text"], 1.0) == [0, 1]


def test_every_tie_is_decided_as_rouge_score_decides_it() -> None:
    ties = [
        (m, n, lcs)
        for m in range(1, 151)
        for n in range(1, 151)
        for lcs in range(1, min(m, n) + 1)
        if 20 * lcs == 7 * (m + n)
    ]
    assert len(ties) == 531
    exceeding = 0
    for m, n, lcs in ties:
        precision, recall = lcs / n, lcs / m
        exceeds = 2 * precision * recall / (precision + recall) > 0.7
        exceeding += exceeds
        least = least_lcs(m, n, 0.7)
        assert least is not None
        assert (least <= lcs) == exceeds
    assert exceeding == 272


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.6, 0.7, 0.9])
def test_least_lcs_is_the_first_that_exceeds(threshold: float) -> None:
    for m in range(1, 40):
        for n in range(1, 40):
            expected = next(
                (k for k in range(1, min(m, n) + 1) if rouge_l(k, m, n) > threshold),
                None,
            )
            assert least_lcs(m, n, threshold) == expected


WORDS = st.sampled_from(["a", "b", "c", "d", "e", "write", "list", "the", "of"])
SENTENCES = st.lists(st.lists(WORDS, min_size=0, max_size=14).map(" ".join), max_size=24)


@settings(max_examples=150)
@given(SENTENCES, st.sampled_from([0.3, 0.5, 0.6, 0.7, 0.8]))
def test_decisions_equal_the_sequential_scan_with_rouge_score(texts: list[str], threshold: float) -> None:
    assert scanned(texts, threshold) == sequential(texts, threshold)


def test_long_and_short_texts_meet() -> None:
    rng = random.Random(3)
    words = [f"w{i}" for i in range(30)]
    base = [[rng.choice(words) for _ in range(n)] for n in (40, 60, 64, 65, 66, 90, 120)]
    texts = []
    for tokens in base:
        for drop in (0, 5, 12, 20, 30):
            kept = sorted(rng.sample(range(len(tokens)), len(tokens) - drop))
            texts.append(" ".join(tokens[i] for i in kept))
    rng.shuffle(texts)
    assert scanned(texts, 0.7) == sequential(texts, 0.7)
    assert len(scanned(texts, 0.7)) < len(texts)


def test_decisions_hold_when_tokens_outnumber_characters(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("builder.generation.novelty_index._LARGEST_CODE", 3)
    texts = ["a b c d e", "a b c d f", "x y z", "x y z w", "d c b a"]
    assert scanned(texts, 0.7) == sequential(texts, 0.7) == [0, 2, 4]


def test_chinese_decisions_equal_an_exhaustive_scan() -> None:
    rng = random.Random(5)
    stems = [
        "请把下面的句子改写得更正式一些",
        "列出三种适合冬天的家常菜",
        "解释一下什么是光合作用",
        "用Python写一个函数",
    ]
    texts = []
    for _ in range(120):
        characters = list(rng.choice(stems))
        for _ in range(rng.randint(0, 5)):
            characters[rng.randrange(len(characters))] = rng.choice("春夏秋冬甲乙丙丁三四五")
        texts.append("".join(characters))
    kept: list[int] = []
    for i, text in enumerate(texts):
        if not any(score(texts[j], text) > 0.7 for j in kept):
            kept.append(i)
    assert scanned(texts, 0.7) == kept
    assert 4 < len(kept) < 120


def test_english_tokens_are_those_of_rouge_score() -> None:
    for text in [
        "Don't use the naïve café plan (v2.0)!",
        "A/B-test №5: 3½ cups",
        "",
        "ALL CAPS_and_under",
    ]:
        assert tokenise(text) == ROUGE._tokenizer.tokenize(text)
