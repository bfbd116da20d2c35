"""What a threshold of novelty is worth, as it ships with Seedbed and as it is shown."""

import re
from pathlib import Path

import pytest

from builder.reporting.novelty_curve import curve_lines, curve_text, read_curves
from builder.text import Thresholds
from tests.command import Seedbed


def test_the_figures_that_ship_are_whole() -> None:
    curves = read_curves()
    assert list(curves) == ["word", "cjk"]
    for curve in curves.values():
        assert 0 < curve.same < curve.pairs
        assert [point.threshold for point in curve.points] == sorted({point.threshold for point in curve.points})
        founds = [point.found for point in curve.points]
        assert founds == sorted(founds, reverse=True)  # a higher threshold finds no more
        for point in curve.points:
            assert point.right <= min(point.found, curve.same)
            assert point.low <= (point.right / point.found if point.found else 1) <= point.high

        assert curve.imported.right / curve.imported.found > 0.9
        assert curve.imported.right / curve.same > 0.3


@pytest.mark.parametrize(
    ("words", "characters", "marked"),
    [(0.7, 0.8, ["0.70", "0.80"]), (0.72, 0.72, ["0.70", "0.70"]), (0.95, 0.3, ["0.95", "0.50"])],
)
def test_the_thresholds_that_are_set_are_marked(words: float, characters: float, marked: list[str]) -> None:
    lines = curve_lines(Thresholds(words, characters))
    assert [line.threshold for place in (0, 1) for line in lines if line.chosen[place]] == marked


def test_each_line_has_precision_and_recall_for_words_and_for_characters() -> None:
    line = next(line for line in curve_lines(Thresholds(0.7, 0.7)) if all(line.chosen))
    word, cjk = (next(p for p in curve.points if p.threshold == 0.7) for curve in read_curves().values())
    assert line.cells[0].startswith(f"{word.right / word.found:.0%} (")
    assert line.cells[3] == f"{cjk.right / read_curves()['cjk'].same:.0%}"


def test_a_terminal_and_the_page_show_it_in_both_languages(tmp_path: Path, seedbed: Seedbed) -> None:
    english, chinese = list(curve_text(Thresholds(0.75, 0.8), "en")), list(curve_text(Thresholds(0.75, 0.8), "zh"))
    assert english[0].startswith("Of two requests that look alike")
    assert chinese[0].startswith("两条看上去相近的请求")
    assert [line.split()[0] for line in english if "*" in line] == ["0.75", "0.80"]
    assert english[-1].startswith("  imported ")
    assert chinese[-1].startswith("  导入的行 ")
    file = tmp_path / "rows.csv"
    file.write_text("instruction,output\nName a knot.,A bowline.\n")
    seedbed("curate", file, "--out", tmp_path / "out", "--set", "novelty.threshold=0.85")
    page = (tmp_path / "out" / "report.html").read_text()
    assert re.findall(r'<th scope="row">(0\.\d+)</th>(?:<td class="n">[^<]*</td>)*<td class="n chosen"', page) == [
        "0.85",
        "0.90",
    ]
