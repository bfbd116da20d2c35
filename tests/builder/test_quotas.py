"""Quotas: cells and their names, the limits they set, what growth asks for, and shares that hold in a build."""

import random
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.cells import Cell, find_category
from builder.config import CATEGORIES, Balance, Settings
from builder.curation.balance import check_names
from builder.errors import UsageError
from builder.generation.pool import Pool
from builder.generation.steering import Steering
from builder.language.labels import CATEGORY_LABELS
from builder.pipeline import build
from builder.pipeline.sources import read_seeds, read_sources
from builder.procedural.teacher.lessons import read_needs
from builder.progress import Reporter
from builder.recipes.alpaca import compose
from builder.settings_file import load_settings
from tests.builder.references import Candidate, balance

SIX = {
    "*/zh": 0.6,
    "*/*/classification": 0.25,
    "mathematics": 0.15,
    "code": 0.1,
    "planning/zh": 0.05,
    "reasoning": 0.12,
}


def settings(quotas: dict[str, float], *more: str) -> Settings:
    cells = ", ".join(f'"{name}": {share}' for name, share in quotas.items())
    return load_settings(None, [f"balance.quotas={{{cells}}}", "target=300", *more])


@pytest.mark.parametrize(
    ("name", "cell"),
    [
        ("mathematics", Cell("mathematics", None, None)),
        ("zh", Cell(None, "zh", None)),
        ("mathematics/zh", Cell("mathematics", "zh", None)),
        ("*/zh/classification", Cell(None, "zh", "classification")),
        ("*/*/dialogue", Cell(None, None, "dialogue")),
        ("classification", Cell("classification", None, None)),
    ],
)
def test_a_cell_is_named_by_category_language_and_kind(name: str, cell: Cell) -> None:
    assert Cell.parse(name) == cell


@pytest.mark.parametrize("name", ["", "*", "*/*/*", "a/b/c/d", "code//generation", "code/zh/essay"])
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"is no cell|the kind must be one of"):
        Cell.parse(name)


@pytest.mark.parametrize(
    ("quotas", "message"),
    [
        ({"code": 0.6, "mathematics": 0.5}, "code, mathematics hold different rows, and their shares are more than 1"),
        ({"zh": 0.3, "code/zh": 0.4}, "code/zh is part of zh and cannot have the larger share"),
        ({"code/zh/poem": 0.1}, "the kind must be one of classification, generation, dialogue"),
        ({"*/*/dialogue": 0.1}, "needs the recipe dialogue in growth.recipes"),
        ({"zh": 0.5, "en": 0.4}, "zh and en are all languages that are grown, their shares must be 1"),
    ],
)
def test_quotas_that_cannot_hold_are_refused_before_anything_is_sent(quotas: dict[str, float], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        settings(quotas)


def test_a_quota_for_a_language_that_is_not_grown_is_refused() -> None:
    with pytest.raises(UsageError, match="zh needs zh in"):
        settings({"zh": 0.5}, "growth.languages={en: 1}")


def test_an_unknown_category_is_refused_before_anything_is_grown(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such category 'mathmatics', did you mean 'mathematics'"):
        build(settings({"mathmatics": 0.5}), tmp_path / "out", Reporter(quiet=True))
    assert not (tmp_path / "out" / "ledger.sqlite").exists()


@pytest.mark.parametrize("name", ["Mathematics", "ＭＡＴＨ", "数学"])
def test_rows_of_a_category_fill_its_quota_however_it_is_spelt(name: str) -> None:
    assert Cell.parse(f"{name}/zh").holds("mathematics", "zh", "generation")
    assert Cell("mathematics").holds(name, "zh", "generation")
    assert not Cell("mathematics").holds(None, "zh", "generation")
    balance_rows_of = Balance(quotas={name: 0.5})
    check_names(balance_rows_of)
    asked = Steering(settings({name: 0.3}, "growth.languages={en: 1, zh: 1}"), ("mathematics", "code"))
    assert asked.cell_of("mathematics", "en", "generation") == (name, "en", None)
    assert asked.choose(random.Random(1), {}, {}, {}).categories.count("mathematics") == 0


@pytest.mark.parametrize(("category", "labels"), CATEGORY_LABELS.items())
def test_every_label_of_a_category_is_a_name_of_it(category: str, labels: tuple[str, str]) -> None:
    assert {find_category(name, CATEGORIES) for name in (category, *labels)} == {category}


cells = st.tuples(
    st.sampled_from(["code", "mathematics", "planning"]),
    st.sampled_from(["en", "zh"]),
    st.sampled_from(["classification", "generation"]),
)
shares = st.fixed_dictionaries(
    {}, optional={"zh": st.floats(0.1, 0.9), "code": st.floats(0.1, 0.6), "*/*/classification": st.floats(0.1, 0.9)}
)


@given(st.lists(cells, max_size=60), shares, st.none() | st.integers(1, 40))
def test_no_side_of_a_quota_holds_more_than_its_share_and_a_point(
    rows: list[tuple[str, str, str]], quotas: dict[str, float], target: int | None
) -> None:
    candidates = [Candidate(n, c, lang, kind) for n, (c, lang, kind) in enumerate(rows)]
    result = balance(candidates, Balance(quotas=quotas), target)
    kept = [candidate for candidate in candidates if candidate.row not in result.dropped]
    total = len(kept) if target is None else target
    assert len(kept) <= total
    for name, share in quotas.items():
        inside = sum(Cell.parse(name).holds(c.category, c.language, c.kind) for c in kept)
        assert inside <= (share + 0.01) * total + 1
        assert len(kept) - inside <= (1 - share + 0.01) * total + 1
    reasons = {check.reason for check in result.dropped.values()}
    assert reasons <= {"over_quota", "over_target"}


def test_rows_beyond_a_quota_say_which_one_and_how_many_fit() -> None:
    rows = [Candidate(n, "code", "en" if n < 80 else "zh", "generation") for n in range(100)]
    result = balance(rows, Balance(quotas={"zh": 0.5}), None)
    first = result.dropped[min(result.dropped)]
    assert (first.reason, first.evidence) == ("over_quota", "not zh 50%")
    assert first.value == (first.threshold or 0) + 1
    kept = Counter(row.language for row in rows if row.row not in result.dropped)
    assert kept["zh"] == 20
    assert 20 <= kept["en"] <= 22


def test_a_prompt_states_the_kind_and_the_embedded_teacher_keeps_to_it() -> None:
    wanted = settings({"*/*/classification": 0.99}, "growth.languages={zh: 1}")
    job = Pool(wanted, [task for task, _ in read_seeds(wanted)]).build(0)
    assert job.needs.kind == "classification"
    text = compose(job.demonstrations, job.needs)[0]["content"]
    assert "- 题型：分类，答案是指令列出的几个标签之一" in text
    needs = read_needs(text)
    assert needs is not None
    assert needs.classification is True
    unasked = compose(
        job.demonstrations, Pool(settings({"zh": 0.5}, "growth.languages={en: 1, zh: 1}"), []).build(0).needs
    )[0]["content"]
    assert "kind:" not in unasked
    assert "题型" not in unasked


def test_demonstrations_show_what_is_asked_for() -> None:
    sources = read_sources(settings({"classification/en": 0.99, "*/*/classification": 0.99}))
    job = Pool(sources.settings, [task for task, _ in sources.seeds]).build(0)
    alike = [t for t in job.demonstrations if t.kind == "classification" and t.category in job.needs.categories]
    assert alike
    assert len(alike) <= (len(job.demonstrations) + 1) // 2


def test_the_first_jobs_ask_for_what_the_quotas_lack_most() -> None:
    sources = read_sources(settings({"zh": 0.8, "code": 0.5}))
    pool = Pool(sources.settings, [task for task, _ in sources.seeds])
    needs = [pool.build(number).needs for number in range(20)]
    assert Counter(need.language for need in needs) == {"zh": 16, "en": 4}
    code = sum(1 / len(need.categories) for need in needs if "code" in need.categories)
    assert 8 <= code <= 12


@pytest.mark.parametrize("ordered", ["true", "false"])
def test_a_build_keeps_its_quotas_within_two_points(tmp_path: Path, ordered: str) -> None:
    out = build(settings(SIX, f"growth.ordered={ordered}"), tmp_path / "out", Reporter(quiet=True))
    assert out.ending is None
    import pyarrow.parquet as pq

    kept = [
        row
        for path in sorted((tmp_path / "out" / "publish" / "data").glob("*.parquet"))
        for row in pq.read_table(path, columns=["category", "language", "kind"]).to_pylist()
    ]
    assert len(kept) == 300
    for name, share in SIX.items():
        inside = sum(Cell.parse(name).holds(row["category"], row["language"], row["kind"]) for row in kept)
        assert abs(inside / len(kept) - share) <= 0.02, name


def test_a_quota_that_the_teacher_cannot_fill_ends_the_run_and_is_named(tmp_path: Path) -> None:
    # The embedded teacher writes no classification task about translation.
    quotas = {"translation/*/classification": 0.5}
    out = build(settings(quotas, "target=60", "growth.saturation_window=20"), tmp_path / "out", Reporter(quiet=True))
    assert out.ending is not None
    assert "translation/*/classification: 0 of 30" in out.ending.message
