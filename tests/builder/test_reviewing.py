"""Reviewing as a person does it: by keys in a real terminal, by spreadsheets, and what becomes of it when it is decided."""

import csv
import json
import os
import pty
import re
import select
import signal
import sys
import time
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from builder.config import Settings
from builder.errors import InputFileError, UsageError
from builder.pipeline.curating import curate_files, curate_folder
from builder.pipeline.review_sheets import read_sheet, write_sheet
from builder.pipeline.reviewing import ReviewSession
from builder.progress import Reporter
from builder.queries.browsing import explain_row
from builder.queries.reviewing import review_state
from builder.queries.selecting import Filters
from builder.settings_file import load_settings
from builder.store.dataset_folder import DatasetFolder
from tests.command import Seedbed

QUIET = Reporter(quiet=True)
ROWS = [
    ("Name the author of the play Faust.", "It was written by Schiller, the German poet."),
    ("请用一句话介绍长城。", "长城是中国古代修建的防御工程。\n它很长。"),
    ("Give the sum of two and five as a formula.", "=2+5"),
    ("写出圆周率小数点后两位的近似值。", "3.14"),
    (
        "Describe the colour of the sea\x1b[2J in a poem.",
        "Blue and green it lies 🌊 under the sun of the early summer day.",
    ),
    ("Explain what a long text is and give one.", "A long text goes on. " * 2_000),
]


@pytest.fixture
def folder(tmp_path: Path) -> DatasetFolder:
    source = tmp_path / "rows.json"
    rows = [{"instruction": asked, "output": answer} for asked, answer in ROWS]
    source.write_text(json.dumps(rows, ensure_ascii=False), encoding="utf-8")
    curate_files([source], Settings(), tmp_path / "ours", QUIET)
    return DatasetFolder(tmp_path / "ours")


def verdicts(folder: DatasetFolder) -> dict[int, tuple[bool, str | None, int | None]]:
    return {one.row: (one.kept, one.reason, one.of) for one in folder.read_verdicts()}


def pending(folder: DatasetFolder) -> set[int]:
    return set(review_state(folder, Settings()).pending)


# Decisions taken over.


def test_an_edit_is_a_new_row_and_its_undo_gives_the_old_one_back(folder: DatasetFolder) -> None:
    session = ReviewSession(folder.root, "li")
    edit = ((1, "It was written by Goethe, the German poet."),)
    session.decide(session.sample(0), "edit", note="wrong poet", edit=edit)
    assert pending(folder) == {0}
    curate_folder(folder.root, None, [], QUIET)
    assert verdicts(folder)[0] == (False, "edited", 6)
    assert verdicts(folder)[6][0]
    new = session.sample(6)
    assert (new.answer, new.instruction, new.parents) == (edit[0][1], ROWS[0][0], (session.sample(0).id,))
    assert pending(folder) == set()
    assert folder.verify() == []
    assert explain_row(folder.root, "0")["other_headline"] == "Row 6, as it was edited:"

    session.decide(session.sample(6), "edit", edit=((1, "Goethe wrote it, over sixty years of his life."),))
    curate_folder(folder.root, None, [], QUIET)
    assert [verdicts(folder)[row] for row in (0, 6)] == [(False, "edited", 6), (False, "edited", 7)]
    assert verdicts(folder)[7][0]

    session.undo()
    session.undo()
    assert pending(folder) == {0, 6, 7}
    curate_folder(folder.root, None, [], QUIET)
    assert verdicts(folder)[0][0]
    assert [verdicts(folder)[row] for row in (6, 7)] == [(False, "edit_withdrawn", None)] * 2
    session.decide(session.sample(0), "edit", edit=edit)
    curate_folder(folder.root, None, [], QUIET)
    assert (verdicts(folder)[0], verdicts(folder)[6][0]) == ((False, "edited", 6), True)
    assert folder.count_samples() == 8


def test_reviewers_who_disagree_are_shown_and_a_setting_decides(folder: DatasetFolder, seedbed: Seedbed) -> None:
    for name, decision in (("li", "drop"), ("anna", "keep")):
        session = ReviewSession(folder.root, name)
        session.decide(session.sample(1), decision)  # type: ignore[arg-type]
    for who, kept in (("latest", True), ("[li]", False), ("unanimous", True), ("majority", True)):
        curate_folder(folder.root, None, [f"reviews.decide={who}"], QUIET)
        assert verdicts(folder)[1][0] is kept, who
        assert review_state(folder, load_settings(folder.settings)).pending == frozenset()
    told = seedbed("why", folder.root, "1").out
    assert "li: drop (20" in told
    assert "reviewers disagree; the checks decide" in told
    assert "reviews: 1 rows; reviewers disagree about 1, 0 wait" in seedbed("status", folder.root).out
    assert " [?!]" in seedbed("show", folder.root, "--rows", "1").out
    assert (
        "reviews.decide (--set): must be latest, unanimous"
        in seedbed("curate", folder.root, "--set", "reviews.decide=me").err
    )


def test_a_line_typed_by_hand_is_named_by_every_command(folder: DatasetFolder, seedbed: Seedbed) -> None:
    folder.reviews.path.write_text('0123456789abcdef {"row": 1}\n', encoding="utf-8")
    commands: list[tuple[Any, ...]] = [
        ("show",),
        ("why", "1"),
        ("curate",),
        ("redact",),
        ("review", "--reviewer", "li"),
    ]
    for command, *more in commands:
        ended = seedbed(command, folder.root, *more)
        assert ended.code == 6, command
        assert f"{folder.reviews.path}, line 1: torn, or changed by hand" in ended.err
        assert f"sed -i 1d {folder.reviews.path}" in ended.err


# Spreadsheets.


@pytest.mark.parametrize("suffix", [".xlsx", ".csv", ".jsonl"])
def test_a_sheet_goes_there_and_back_without_loss(folder: DatasetFolder, suffix: str) -> None:
    sheet = folder.root.parent / f"rows{suffix}"
    assert write_sheet(folder.root, sheet, Filters()) == 6
    session = ReviewSession(folder.root, "li")
    read = read_sheet(session, sheet)
    assert (read.decided, read.known, read.undecided, read.missing) == ({}, 0, 6, ())
    fill(sheet, {0: {"decision": "删除", "note": "不对"}, 2: {"text 2": "=2+5 = 7"}, 3: {"decision": " Keep "}})
    assert read_sheet(session, sheet).decided == {"drop": 1, "edit": 1, "keep": 1}
    assert session.own()[2].edit == ((1, "=2+5 = 7"),)
    assert (session.own()[0].note, session.own()[3].decision) == ("不对", "keep")
    written = folder.reviews.path.read_bytes()
    again = read_sheet(session, sheet)
    assert (again.decided, again.known) == ({}, 3)
    assert folder.reviews.path.read_bytes() == written


def fill(sheet: Path, cells: dict[int, dict[str, str]]) -> None:
    """Write cells as a person does."""
    if sheet.suffix == ".xlsx":
        book = openpyxl.load_workbook(sheet)
        page = book.active
        assert page is not None
        names = [str(cell.value) for cell in page[1]]
        for row, changes in cells.items():
            for name, text in changes.items():
                cell = page.cell(row + 2, names.index(name) + 1)
                cell.value, cell.data_type = text, "s"
        book.save(sheet)
        return
    rows = (
        read_csv(sheet)
        if sheet.suffix == ".csv"
        else [json.loads(line) for line in sheet.read_text("utf-8").splitlines()]
    )
    for row, changes in cells.items():
        rows[row] |= changes
    if sheet.suffix == ".csv":
        write_csv(sheet, rows)
    else:
        sheet.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def read_csv(sheet: Path) -> list[dict[str, str]]:
    with sheet.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def write_csv(sheet: Path, rows: list[dict[str, str]], encoding: str = "utf-8-sig", end: str = "\n") -> None:
    with sheet.open("w", encoding=encoding, errors="replace", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator=end)
        writer.writeheader()
        writer.writerows(rows)


@pytest.mark.parametrize(
    ("encoding", "end"), [("utf-8", "\n"), ("gb18030", "\r\n"), ("gbk", "\r\n"), ("utf-8-sig", "\r\n")]
)
def test_what_a_spreadsheet_does_to_a_csv_is_no_edit(folder: DatasetFolder, encoding: str, end: str) -> None:
    sheet = folder.root.parent / "rows.csv"
    write_sheet(folder.root, sheet, Filters())
    rows = read_csv(sheet)
    for row in rows:
        row |= {name: text.replace("\n", "\r\n") for name, text in row.items() if encoding != "utf-8"}
        row |= {"mine": "a column of mine", "row": f"{row['row']}.0"}
        del row["verdict"]
    rows = [rows[4], rows[1], rows[3], rows[2]]
    rows[1]["decision"] = "ＫＥＥＰ"
    write_csv(sheet, [dict(reversed(list(row.items()))) for row in rows], encoding, end)
    session = ReviewSession(folder.root, "li")
    assert read_sheet(session, sheet).decided == {"keep": 1}
    assert set(session.own()) == {1}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"decision": "perhaps"}, "row 2: 'perhaps' is no decision"),
        ({"decision": "drop", "text 2": "other"}, "row 2: says drop or undo, and its text was changed"),
        ({"decision": "edit"}, "row 2: says edit, and none of its texts was changed"),
        ({"text 2": ""}, "row 2: text 2 is empty"),
        ({"text 2": "x" * 32_767}, "row 2: text 2 is as long as a cell can be"),
        ({"id": "1.23457E+15"}, "row 2: '1.23457E+15' is no id"),
    ],
)
def test_what_cannot_be_read_back_is_named_and_nothing_is_taken(
    folder: DatasetFolder, changes: dict[str, str], said: str
) -> None:
    sheet = folder.root.parent / "rows.csv"
    write_sheet(folder.root, sheet, Filters())
    fill(sheet, {0: {"decision": "keep"}, 1: changes})
    with pytest.raises(InputFileError, match=re.escape(said)):
        read_sheet(ReviewSession(folder.root, "li"), sheet)
    assert not folder.reviews.path.exists()


def test_a_text_that_fits_no_cell_is_not_edited_in_one(folder: DatasetFolder) -> None:
    sheet = folder.root.parent / "rows.csv"
    write_sheet(folder.root, sheet, Filters())
    assert len(read_csv(sheet)[5]["text 2"]) < 600
    fill(sheet, {5: {"text 2": "short"}})
    with pytest.raises(InputFileError, match="row 6: text 2 is too long for a cell and was changed"):
        read_sheet(ReviewSession(folder.root, "li"), sheet)


def test_rows_that_are_there_no_more_are_named_and_others_taken(folder: DatasetFolder, seedbed: Seedbed) -> None:
    sheet = folder.root.parent / "rows.jsonl"
    write_sheet(folder.root, sheet, Filters())
    fill(sheet, {0: {"id": "f" * 16, "decision": "drop"}, 1: {"decision": "drop"}})
    ended = seedbed("review", folder.root, "--in", sheet, "--reviewer", "li", "--decide")
    assert f"{sheet}, row 1: the dataset holds no row ffffffffffffffff any more" in ended.out
    assert verdicts(folder)[1] == (False, "reviewed_drop", None)


# The terminal.


class Terminal:
    """A command in a terminal of its own."""

    def __init__(self, arguments: list[str], environ: dict[str, str]) -> None:
        self.seen = ""
        self.pid, self._file = pty.fork()
        if self.pid == 0:
            os.execve(sys.executable, [sys.executable, "-m", "builder", *arguments], {**os.environ, **environ})

    def wait_for(self, text: str) -> None:
        """Read until it is there."""
        until = time.monotonic() + 60
        while text not in self.seen:
            assert time.monotonic() < until, self.seen
            if select.select([self._file], [], [], 0.2)[0]:
                self.seen += os.read(self._file, 65_536).decode("utf-8", "replace")

    def press(self, keys: str, then: str) -> None:
        """Press keys and wait for what comes of them."""
        self.seen = ""
        os.write(self._file, keys.encode())
        self.wait_for(then)

    def end(self, number: int | None = None) -> int:
        """Read to the end, or kill; returns how it ended."""
        if number is not None:
            os.kill(self.pid, number)
        while True:
            try:
                if not os.read(self._file, 65_536):
                    break
            except OSError:
                break
        os.close(self._file)
        return os.waitpid(self.pid, 0)[1]


@pytest.fixture
def editor(tmp_path: Path) -> str:
    script = tmp_path / "editor.py"
    script.write_text(
        "import os, sys\npath = sys.argv[1]\ntext = open(path, encoding='utf-8').read()\n"
        "text = text.replace('Schiller', 'Goethe').replace('===', os.environ.get('MARK', '==='))\n"
        "open(path, 'w', encoding='utf-8', newline='').write(text.replace('\\n', '\\r\\n'))\n",
        encoding="utf-8",
    )
    return f"{sys.executable} {script}"


def test_rows_are_reviewed_by_single_keys(folder: DatasetFolder, editor: str) -> None:
    terminal = Terminal(["review", str(folder.root), "--reviewer", "li"], {"VISUAL": editor, "COLUMNS": "40"})
    terminal.wait_for("? help")
    assert "[1/6] Row 0 is kept" in terminal.seen
    terminal.press("e", "[2/6]")
    assert [one.edit for one in folder.reviews.read()] == [((1, ROWS[0][1].replace("Schiller", "Goethe")),)]
    terminal.wait_for("? help")
    terminal.press("\x1b[A", "")
    terminal.press("d", "[3/6]")
    terminal.wait_for("? help")
    terminal.press("u", "row 1: taken back")
    terminal.wait_for("? help")
    terminal.press("n", "note: ")
    terminal.press("不好\n", "不好")
    terminal.press("ｋ", "[3/6]")
    terminal.wait_for("? help")
    terminal.press("s", "[4/6]")
    terminal.wait_for("? help")
    terminal.press("k", "[5/6]")
    terminal.wait_for("? help")
    assert "\x1b" not in terminal.seen
    assert r"the sea\x1b[2J in" in terminal.seen
    terminal.press("\x03", "3 decisions added (edit 1 · keep 2)")
    assert terminal.end() == 0
    own = ReviewSession(folder.root, "li").own()
    assert {row: (one.decision, one.note) for row, one in own.items()} == {
        0: ("edit", ""),
        1: ("keep", "不好"),
        3: ("keep", ""),
    }
    assert ReviewSession(folder.root, "li").rows(Filters()) == [2, 4, 5]
    assert ReviewSession(folder.root, "anna").rows(Filters()) == [0, 1, 2, 3, 4, 5]


def test_a_kill_costs_no_decision_and_a_broken_edit_no_text(folder: DatasetFolder, editor: str) -> None:
    terminal = Terminal(["review", str(folder.root), "--reviewer", "li"], {"VISUAL": editor, "MARK": "##"})
    terminal.wait_for("? help")
    terminal.press("e", "lines with marks were changed")
    terminal.wait_for("? help")
    path = Path(re.search(r"(\S+\.txt): its lines", terminal.seen)[1])  # type: ignore[index]
    assert "Goethe" in path.read_text(encoding="utf-8")
    path.unlink()
    terminal.press("k", "[2/6]")
    assert os.WTERMSIG(terminal.end(signal.SIGKILL)) == signal.SIGKILL
    assert [(one.row, one.decision) for one in folder.reviews.read()] == [(0, "keep")]


def test_without_a_terminal_or_a_name_the_way_out_is_named(folder: DatasetFolder, seedbed: Seedbed) -> None:
    ended = seedbed("review", folder.root, SEEDBED_REVIEWER="li")
    assert (ended.code, "--out rows.xlsx" in ended.err) == (2, True)
    ended = seedbed("review", folder.root, SEEDBED_REVIEWER="")
    assert (ended.code, "--reviewer: a name is needed" in ended.err) == (2, True)
    session = ReviewSession(folder.root, "li")
    with pytest.raises(UsageError, match="nothing is left of turn 2"):
        session.decide(session.sample(0), "edit", edit=((1, " "),))


def test_a_sample_is_the_same_when_it_is_gone_on_with(folder: DatasetFolder) -> None:
    session = ReviewSession(folder.root, "li")
    drawn = session.rows(Filters(), sample=3, seed=4)
    session.decide(session.sample(drawn[0]), "keep")
    assert session.rows(Filters(), sample=3, seed=4) == drawn[1:]
    assert session.rows(Filters(), sample=3, seed=4, again=True) == drawn
