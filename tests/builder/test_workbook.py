"""Cells of workbooks as they look, merged cells, and workbooks that give out far more than they hold."""

import json
import subprocess
import sys
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from openpyxl.utils import get_column_letter
from openpyxl.utils.datetime import WINDOWS_EPOCH

from builder.formats.containers.number_formats import DateFormat, general, read_format
from builder.formats.importing import read_samples
from builder.progress import Reporter
from tests.builder.test_hostile_files import workbook

QUIET = Reporter(quiet=True)
LIMIT_MIB = 256


@pytest.mark.parametrize(
    ("number", "code", "shown"),
    [
        (0.35, "0%", "35%"),
        (0.3567, "0.00%", "35.67%"),
        (1234.5, "#,##0.00", "1,234.50"),
        (1234567, "#,##0", "1,234,567"),
        (123, "00000", "00123"),
        (12.5, '"¥"#,##0.00', "¥12.50"),
        (12.5, "[$¥-804]#,##0.00", "¥12.50"),
        (-12.5, "#,##0.00;[Red](#,##0.00)", "(12.50)"),
        (-12.5, "0.0", "-12.5"),
        (-0.001, "0.00", "0.00"),
        (2.005, "0.00", "2.01"),
        (3, '0"元"', "3元"),
        (18, 'General"岁"', "18岁"),
        (0.5, "#.##", ".5"),
        (12.0, "0.##", "12"),
        (1234567, '#,##0,"k"', "1,235k"),
        (0, '_ * #,##0.00_ ;_ * -#,##0.00_ ;_ * "-"??_ ;_ @_ ', "-"),
        (3.5, "# ?/?", "3.5"),
        (1234, "0.00E+00", "1234"),
        (7, '[>5]0"大";0"小"', "7"),
        (0.1 + 0.2, "General", "0.3"),
        (42.0, "General", "42"),
        (1, "0" * 300, "1"),
    ],
)
def test_numbers_as_their_cells_show_them(number: float, code: str, shown: str) -> None:
    form = read_format(code)
    assert not isinstance(form, DateFormat)
    assert (general(number) if form is None else form(number)) == shown


@pytest.mark.parametrize(
    ("number", "code", "shown"),
    [
        (45418.3772, "yyyy-mm-dd hh:mm:ss", "2024-05-06 09:03:10"),
        (45418.3772, "yyyy/m/d h:mm", "2024/5/6 9:03"),
        (45418, 'yyyy"年"m"月"d"日"', "2024年5月6日"),
        (45418.8, "yyyy/m/d h:mm AM/PM", "2024/5/6 7:12 PM"),
        (45418.8, '[$-804]yyyy"年"m"月"d"日" 上午/下午h"时"mm"分"', "2024年5月6日 下午7时12分"),
        (45418, "d-mmm-yy", "6-May-24"),
        (45418, "mm-dd-yy", "2024-05-06"),
        (45418.5, "m/d/yy h:mm", "2024-05-06 12:00:00"),
        (0.377083333, "h:mm", "09:03:00"),
        (1.5, "[h]:mm:ss", "36:00:00"),
        (10**9, "yyyy", "#VALUE!"),
    ],
)
def test_dates_as_their_cells_show_them_where_that_is_read_in_one_way(number: float, code: str, shown: str) -> None:
    form = read_format(code)
    assert isinstance(form, DateFormat)
    assert form.shown(number, WINDOWS_EPOCH, exact=False) == shown


def test_a_column_of_rates_prices_and_dates_is_curated_as_it_looks(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet: Any = book.active
    cells = [
        (0.35, "0%"),
        (1299, "#,##0.00"),
        (date(2024, 5, 6), 'yyyy"年"m"月"d"日"'),
        (time(9, 3), "h:mm"),
        (datetime(2024, 5, 6, 9, 3), "yyyy/m/d h:mm"),
    ]
    sheet.append(["问题", "答案"])
    for row, (value, code) in enumerate(cells, 2):
        sheet.cell(row, 1, f"第{row}个是多少？")
        sheet.cell(row, 2, value).number_format = code
    book.save(tmp_path / "a.xlsx")
    answers = [sample.answer for sample in read_samples([tmp_path / "a.xlsx"], reporter=QUIET).samples]
    assert answers == ["35%", "1,299.00", "2024年5月6日", "09:03:00", "2024/5/6 9:03"]


def test_merged_cells_hold_for_the_rows_below(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet: Any = book.active
    for row in (
        ["问题", "答案", "类别"],
        ["怎么退货", "在订单页", "售后"],
        [None, "找客服", None],
        [None, None, None],
        ["包邮吗", "包邮", None],
    ):
        sheet.append(row)
    for reference in ("A2:A4", "C2:C5"):
        sheet.merge_cells(reference)
    book.save(tmp_path / "a.xlsx")
    samples = read_samples([tmp_path / "a.xlsx"], reporter=QUIET).samples
    assert [(s.source, s.messages[0].content, s.answer, s.category) for s in samples] == [
        ("a.xlsx#1", "怎么退货", "在订单页", "售后"),
        ("a.xlsx#2", "怎么退货", "找客服", "售后"),
        ("a.xlsx#4", "包邮吗", "包邮", "售后"),
    ]


# Reads a workbook as curate does, then as convert does: what came of both, and the most memory that was taken.
READ = """
import json, sys
from pathlib import Path
from builder.formats.containers import workbook
workbook.MAX_GIVEN_CHARACTERS = 2**24
from builder.errors import SeedbedError
from builder.formats.reading import open_rows
from builder.pipeline.conversion_plan import Asked, look
from builder.pipeline.converting import Converted, samples
from builder.progress import Reporter
def convert(path):
    plan = look([path], Asked(), Reporter(quiet=True))
    return [choice.problem for choice in plan.choices] or sum(1 for _ in samples(plan, Converted()))
for path in map(Path, sys.argv[1:]):
    results = []
    for read in (lambda path: open_rows(path).count, convert):
        try:
            results.append(str(read(path)))
        except SeedbedError as error:
            results.append(error.message.removeprefix(str(path.parent) + "/"))
    peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1]
    print(json.dumps([path.name, *results, int(peak) / 1024]))
"""


def inline(*texts: str) -> bytes:
    return b"".join(b'<c t="inlineStr"><is><t>%s</t></is></c>' % text.encode() for text in texts)


def merged(*references: str) -> bytes:
    cells = "".join(f'<mergeCell ref="{reference}"/>' for reference in references).encode()
    return b"</sheetData><mergeCells>" + cells + b"</mergeCells><sheetData>"


def test_workbooks_that_give_out_more_than_they_hold(tmp_path: Path) -> None:
    """One text in 400,000 rows, merged ranges of 10^10 cells, rows without cells, each column merged over a million rows."""
    row = b"<row>" + inline("在吗", "在的") + b"</row>"
    shared = b'<row><c t="inlineStr"><is><t>q</t></is></c><c t="s"><v>0</v></c></row>'
    wide = b"<row>" + inline(*["x"] * 1_000) + b"</row>"
    columns = [f"{get_column_letter(n)}2:{get_column_letter(n)}1048576" for n in range(1, 1_001)]
    text = (b"<si><t>", (b"x", 30_000), b"</t></si>")
    paths = [
        workbook(tmp_path / "bomb.xlsx", ((shared, 400_000),), text),
        workbook(tmp_path / "range.xlsx", (row, row, merged("C1:XFD1048576", "C4:XFD1048576"))),
        workbook(tmp_path / "empty.xlsx", (row, row, (b"<row/>", 50_000))),
        workbook(tmp_path / "wide.xlsx", (wide, (b"<row>" + inline("1") + b"</row>", 5_000), merged(*columns))),
    ]
    command = [sys.executable, "-c", READ, *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    found = {name: rest for name, *rest in map(json.loads, done.stdout.splitlines())}
    too_much = "the cells up to here hold more than 16 Mi characters"
    assert found["bomb.xlsx"][:2] == [f"bomb.xlsx, row 561: {too_much}"] * 2
    assert found["range.xlsx"][:2] == ["2", "2"]
    assert found["empty.xlsx"][:2] == ["2", "2"]
    assert found["wide.xlsx"][1] == f"wide.xlsx, row 261: {too_much}"
    assert all(peak < LIMIT_MIB for _, _, peak in found.values())
