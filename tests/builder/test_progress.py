"""What people see of a growth: the panel in both languages, the plain line, the pace, and how often it is drawn."""

import io
import itertools
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from builder.language.reasons import reason_for
from builder.progress import Growing, Reporter, Spent, Traffic, panel
from builder.progress.growing import Pace
from builder.progress.panel import finishing, plain_line

FIGURES = Growing(
    target=1000,
    reached=412,
    admitted=412,
    candidates=655,
    rejected={"too_similar": 120, "cut_by_length": 80, "not_json": 30, "bad_reply": 13},
    spent=(
        Spent("requests", 90),
        Spent("tokens", 123_456, 40_000, 2_000_000),
        Spent("USD", 0.8412, 0.2, 5.0),
    ),
    traffic=Traffic(12, 16, 3, {"http://127.0.0.1:8000/v1": "http://127.0.0.1:8000/v1: 401 no such key"}),
    rows_per_minute=131.2,
    seconds_left=268.9,
)


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def english(reason: str) -> str:
    return reason_for(reason).label("en")


def chinese(reason: str) -> str:
    return reason_for(reason).label("zh")


def test_the_panel_in_english_at_80_columns() -> None:
    assert panel(FIGURES, 80, "en", english).plain.split("\n") == [
        "Growing     ━━━━━━━━━━━━━━━━────────────────────────  412 of 1,000 rows  41 %",
        "candidates  655 = 412 admitted + 243 rejected",
        "rejected    Too similar 120 · Cut off by length 80 · others 43",
        "in flight   12 of at most 16 · 3 backing off",
        "out         http://127.0.0.1:8000/v1: 401 no such key",
        "spent       123.5k + 40.0k held of 2.00M tokens",
        "            0.8412 + 0.2000 held of 5.0000 USD",
        "pace        131 rows a minute · 4 min left",
    ]


def test_the_panel_in_chinese_at_50_columns() -> None:
    assert panel(FIGURES, 50, "zh", chinese).plain.split("\n") == [
        "生成    ━━━━━━━━────────────  412 / 1,000 条  41 %",
        "候选    655 = 收录 412 + 未收录 243",
        "未收录  过于相似 120 · 超出长度被截断 80 · 其他 43",
        "在途    12，最多 16 · 3 个等待重试",
        "停用    http://127.0.0.1:8000/v1: 401 no such key",
        "花费    123.5k + 预留 40.0k / 上限 2.00M token",
        "        0.8412 + 预留 0.2000 / 上限 5.0000 USD",
        "速度    每分钟 131 条 · 还需 4 分钟",
    ]


def test_what_is_not_known_is_not_made_up() -> None:
    started = Growing(100, 0, 0, 0, spent=(Spent("requests", 3), Spent("tokens", 0, 9000)), traffic=Traffic(3, 16))
    assert panel(started, 60, "en", english).plain.split("\n") == [
        "Growing     ────────────────────────────  0 of 100 rows  0 %",
        "candidates  0 = 0 admitted + 0 rejected",
        "rejected    none",
        "in flight   3 of at most 16",
        "spent       3 requests · 0 tokens · no cap",
        "pace        —",
    ]
    bought = replace(started, spent=(Spent("requests", 3), Spent("tokens", 900, cap=1000), Spent("USD", 0.126)))
    assert panel(bought, 60, "en", english).plain.split("\n")[4:6] == [
        "spent       900 of 1,000 tokens",
        "            0.13 USD",
    ]
    at_rest = panel(FIGURES.at_rest(), 80, "en", english).plain
    assert "in flight" not in at_rest
    assert "held" not in at_rest
    assert "pace" not in at_rest


def test_999_of_1000_is_not_100_percent() -> None:
    almost = panel(replace(FIGURES, reached=999, admitted=1010), 80, "en", english).plain
    assert "999 of 1,000 rows  99 %" in almost
    assert "─  999" in almost


@given(
    st.integers(30, 200),
    st.sampled_from(["en", "zh"]),
    st.dictionaries(
        st.sampled_from(["too_similar", "not_json", "judged_poor", "answers_disagree"]), st.integers(1, 10**6)
    ),
    st.integers(0, 10**6),
    st.dictionaries(st.text(max_size=40), st.text(max_size=400), max_size=5),
)
def test_the_panel_fits_and_its_rejections_add_up(
    width: int, language: str, rejected: dict[str, int], admitted: int, out: dict[str, str]
) -> None:
    total = sum(rejected.values())
    figures = replace(
        FIGURES, rejected=rejected, admitted=admitted, candidates=admitted + total, traffic=Traffic(1, 2, 3, out)
    )
    lines = panel(figures, width, language, chinese if language == "zh" else english).plain.split("\n")
    assert len(lines) <= 12
    assert all(cell_len(line) <= min(width, 78) for line in lines)


def test_the_plain_line_is_the_same_in_every_language_and_can_be_searched() -> None:
    assert plain_line(FIGURES) == (
        "growing rows=412/1000 candidates=655 admitted=412 rejected=243 too_similar=120 cut_by_length=80 not_json=30 "
        "bad_reply=13 in_flight=12/16 backing_off=3 out=1 requests=90/- tokens=123456+40000/2000000 USD=0.8412+0.2/5 "
        "rows_per_minute=131 seconds_left=269"
    )


def test_figures_survive_the_ledger() -> None:
    assert Growing.from_record(FIGURES.as_record()) == FIGURES
    assert Growing.from_record(FIGURES.at_rest().as_record()) == FIGURES.at_rest()


def test_ctrl_c_is_explained_in_both_languages() -> None:
    assert finishing(12, 10.0, "en") == "finishing 12 requests on their way, at most 10 s; Ctrl-C again stops now"
    assert finishing(12, 10.0, "zh") == "正在等 12 个已发出的请求返回，最多 10 秒；再按一次 Ctrl-C 立即停止"


@given(st.lists(st.tuples(st.floats(0.2, 30), st.integers(0, 500)), min_size=1, max_size=60))
def test_time_left_is_never_negative_and_follows_the_rows_of_the_last_minute(steps: list[tuple[float, int]]) -> None:
    clock, rows = Clock(), 0
    pace = Pace(clock)
    for seconds, more in steps:
        clock.now += seconds
        rows += more
        pace.count(rows)
        left = pace.seconds_for(100)
        assert left is None or left >= 0
        assert pace.per_minute is None or pace.per_minute >= 0


def test_time_left_does_not_jump_where_rows_come_in_waves() -> None:
    clock = Clock()
    pace = Pace(clock)
    guesses: list[float] = []
    for second in range(240):
        clock.now = float(second)
        pace.count(second // 10 * 64)  # 64 rows every 10 seconds, 384 a minute
        if second >= 60 and (left := pace.seconds_for(3840)) is not None:
            guesses.append(left)
    assert 480 < min(guesses) < 600 < max(guesses) < 760
    assert all(math.isclose(a, b, rel_tol=0.25) for a, b in itertools.pairwise(guesses))


def test_nothing_is_guessed_before_five_seconds_or_from_what_the_ledger_held() -> None:
    clock = Clock()
    pace = Pace(clock)
    pace.count(0)
    clock.now = 4.0
    pace.count(4000)
    assert pace.per_minute is None
    pace.forget()
    clock.now = 100.0
    pace.count(4000)
    clock.now = 130.0
    pace.count(4010)
    assert pace.per_minute == pytest.approx(20)
    assert pace.seconds_for(10) == pytest.approx(30)


def grow_quietly(reporter: Reporter, clock: Clock, kept: list[Growing]) -> int:
    """110 admissions, 10 a second; returns how often the figures were read."""
    reads = 0

    def read() -> Growing:
        nonlocal reads
        reads += 1
        return replace(FIGURES, admitted=reads, reached=reads)

    with reporter.growing("en", english, kept.append) as view:
        for _ in range(110):
            clock.now += 0.1
            view.update(read)
        view.close(read())
    return reads


def test_without_a_terminal_there_is_a_line_every_five_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    clock, kept = Clock(), list[Growing]()
    reads = grow_quietly(Reporter(clock=clock), clock, kept)
    lines = capsys.readouterr().err.splitlines()
    assert reads < 45  # figures cost time: four times a second at most
    assert len(lines) == 3
    assert all(line.startswith("growing rows=") for line in lines)
    assert 9 <= len(kept) <= 13
    assert kept[-1] == kept[-1].at_rest()


def test_a_step_that_has_said_that_all_is_done_does_not_say_it_again(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    with Reporter(clock=clock).step("Deciding", total=60) as step:
        clock.now = 5
        step.set(20)
        clock.now = 11
        step.set(60)
    with Reporter(clock=clock).step("Publishing", total=60) as step:
        step.set(60)
    assert capsys.readouterr().err.splitlines() == [
        "Deciding: 20 of 60  (5 s)",
        "Deciding: 60 of 60  (11 s)",
        "Publishing: 60 of 60  (0 s)",
    ]


def test_quiet_shows_nothing_and_keeps_the_figures_for_status(capsys: pytest.CaptureFixture[str]) -> None:
    clock, kept = Clock(), list[Growing]()
    grow_quietly(Reporter(quiet=True, clock=clock), clock, kept)
    assert capsys.readouterr().err == ""
    assert len(kept) >= 9


def test_no_colour_under_no_color(monkeypatch: pytest.MonkeyPatch) -> None:
    def drawn() -> str:
        file = io.StringIO()
        console = Console(file=file, force_terminal=True, width=80, color_system="standard")
        console.print(panel(FIGURES, 80, "en", english))
        return file.getvalue()

    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[32m" in drawn()
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[32m" not in drawn()
