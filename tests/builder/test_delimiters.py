"""Tables in text files, whatever stands between their cells and around them."""

from pathlib import Path

import pytest

from builder.formats.detection import describe, detect
from builder.formats.reading import open_rows


def table(path: Path, text: str) -> tuple[list[list[object]], dict[str, str]]:
    path.write_text(text, encoding="utf-8", newline="")
    opened = open_rows(path)
    rows = [list(row.values.values()) for row in opened.rows()]
    return [list(opened.columns), *rows], dict(opened.details)


@pytest.mark.parametrize(
    ("text", "expected", "details"),
    [
        ("q;a\nWhy, then?;b\n", [["q", "a"], ["Why, then?", "b"]], {"delimiter": ";"}),
        ("q|a\nx, y|b; c\n", [["q", "a"], ["x, y", "b; c"]], {"delimiter": "|"}),
        ("q\ta\nx, y\tb\n", [["q", "a"], ["x, y", "b"]], {"delimiter": "\t"}),
        ("sep=;\r\nq;a\r\nx,1;y\r\n", [["q", "a"], ["x,1", "y"]], {"delimiter": ";"}),
        ('"sep=|"\nq|a\nx|y\n', [["q", "a"], ["x", "y"]], {"delimiter": "|"}),
        # the header alone would be split at its comma
        ("question, if any;answer\nWhy?;So.\nWho?;I.\n", [["question, if any", "answer"], ["Why?", "So."], ["Who?", "I."]], {"delimiter": ";"}),
        ("'q','a'\n'What''s, up?','two\nlines'\n", [["q", "a"], ["What's, up?", "two\nlines"]], {"quotes": "'"}),
        ("q,a\nIt's, well,\n", [["q", "a"], ["It's", " well", ]], {}),
        ('q\ta\n"hi"s\tHi\n"So\tx\nit is"\ty\n', [["q", "a"], ['"hi"s', "Hi"], ['"So', "x"], ['it is"', "y"]], {"delimiter": "\t", "quotes": "none"}),
        ('q\ta\n"two\nlines"\tx\n"a ""b"""\ty\n', [["q", "a"], ["two\nlines", "x"], ['a "b"', "y"]], {"delimiter": "\t"}),
        ('问题;回答\n"水；火";"热, 冷"\n', [["问题", "回答"], ["水；火", "热, 冷"]], {"delimiter": ";"}),
    ],
)  # fmt: skip
def test_layouts(tmp_path: Path, text: str, expected: list[list[object]], details: dict[str, str]) -> None:
    cells, found = table(tmp_path / "a.csv", text)
    assert (cells, found) == (expected, details)


def test_what_was_found_is_said(tmp_path: Path) -> None:
    table(tmp_path / "a.csv", 'question\tanswer\n"So\tx\n')
    told = [describe(detect(tmp_path / "a.csv"), language) for language in ("en", "zh")]
    assert "(CSV, delimiter tab, quotes none)" in told[0]
    assert "（CSV，分隔符 制表符，引号 无）" in told[1]
