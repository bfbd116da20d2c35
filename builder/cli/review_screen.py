"""Reviewing row by row in a terminal, by single keys. Lines are only ever added below: nothing of a row can move the cursor."""

import os
import select
import shutil
import sys
import termios
import tty
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Literal

from builder.cli.editor import edit_texts
from builder.cli.options import say, tell
from builder.cli.rows import print_turns
from builder.errors import FolderInUseError, SeedbedError
from builder.language.chinese import is_spoken
from builder.language.messages import worded
from builder.pipeline.reviewing import ReviewSession
from builder.queries.browsing import explain_row
from builder.schema import Sample

# English, Chinese.
_KEYS = (
    ("k keep · d drop · e edit · n note · s skip · u undo · q quit · ? help"),
    ("k 保留 · d 去除 · e 修改 · n 备注 · s 跳过 · u 撤销 · q 退出 · ? 帮助"),
)
_HELP = (
    (
        "k  keep the row whatever the checks say",
        "d  drop it",
        "e  edit its texts in $VISUAL or $EDITOR; the row is kept as you write it",
        "n  write a note, which goes with the next decision about this row",
        "s  skip it; it comes again next time",
        "u  take back the last decision of this session",
        "q  quit; so does Ctrl-C. Every decision is on disk already",
    ),
    (
        "k  保留这一行，不管检查结果如何",
        "d  去除这一行",
        "e  用 $VISUAL 或 $EDITOR 修改内容，保留修改后的数据",
        "n  写一句备注，随对这一行的下一个决定保存",
        "s  跳过，下次还会出现",
        "u  撤销本次审核中的上一个决定",
        "q  退出，Ctrl-C 也可以；每个决定都已写入磁盘",
    ),
)
_DECIDED = {"keep": ("kept", "已保留"), "drop": ("dropped", "已去除"), "edit": ("edited", "已修改")}
_MAX_RULE = 72


class ReviewScreen:
    """The loop of one session.

    Args:
        session: whose decisions are written.
    """

    def __init__(self, session: ReviewSession) -> None:
        self._session = session
        self._native = is_spoken()
        self._counts: Counter[str] = Counter()
        self._note = ""
        self._rows: Sequence[int] = ()

    def run(self, rows: Sequence[int]) -> dict[str, int]:
        """Show each row until its decision is made; returns how many of each kind stand."""
        if not rows:
            tell(worded("no rows to review: --again shows those that you have reviewed"))
        self._rows, place = rows, 0
        try:
            with _terminal(keys=True):
                while 0 <= place < len(rows):
                    self._show(rows[place], place, len(rows))
                    place += self._ask(rows[place], place)
        except KeyboardInterrupt:
            print()
        return {kind: count for kind, count in self._counts.items() if count}

    def _show(self, row: int, place: int, of: int) -> None:
        explained = explain_row(self._session.folder.root, str(row))
        width = min(shutil.get_terminal_size().columns, _MAX_RULE)
        say("─" * max(width - 1, 1))
        say(f"[{place + 1:,}/{of:,}] {explained['headline']}")
        for sentence in explained["sentences"]:
            say(f"  - {sentence}")
        for sentence in explained["review_sentences"]:
            say(f"  · {sentence}")
        print_turns(explained["sample"]["messages"])
        print()
        say(_KEYS[self._native])

    def _ask(self, row: int, place: int) -> int:
        """By how many rows to go on: 1, 0 to show the same again, back where something was undone; before the first to end."""
        sample = self._session.sample(row)
        while True:
            key = read_key()
            try:
                match key:
                    case "k" | "d":
                        return self._decide(sample, "keep" if key == "k" else "drop")
                    case "e":
                        return self._edit(sample)
                    case "n":
                        self._note = self._read_note()
                    case "s":
                        self._note = ""
                        return 1
                    case "u":
                        return self._undo(place)
                    case "q" | "\x04" | "":
                        return -place - 1
                    case "?" | "h":
                        for line in _HELP[self._native]:
                            say(f"  {line}")
                    case _:
                        continue
            except FolderInUseError as error:
                # Nothing is lost: the same key may be pressed again.
                self._tell(error)

    def _decide(self, sample: Sample, decision: Literal["keep", "drop"]) -> int:
        self._session.decide(sample, decision, note=self._note)
        return self._decided(decision)

    def _edit(self, sample: Sample) -> int:
        try:
            with _terminal(keys=False):
                edit = edit_texts(sample)
            if not edit:
                tell(worded("nothing was changed, so nothing is decided"))
                return 0
            self._session.decide(sample, "edit", note=self._note, edit=edit)
        except FolderInUseError:
            raise
        except SeedbedError as error:
            self._tell(error)
            return 0
        return self._decided("edit")

    def _decided(self, decision: str) -> int:
        self._counts[decision] += 1
        self._note = ""
        say(f"  ✓ {_DECIDED[decision][self._native]}")
        return 1

    def _undo(self, place: int) -> int:
        undone = self._session.undo()
        if undone is None:
            tell(worded("there is nothing to undo in this session"))
            return 0
        self._counts[undone.decision] -= 1
        said = ("row {:,}: taken back", "第 {} 行：已撤销")[self._native]
        say(f"  ↶ {said.format(undone.row)}")
        return self._rows.index(undone.row) - place

    def _read_note(self) -> str:
        with _terminal(keys=False):  # before it is asked for, so that what is typed at once is seen
            print(("note: ", "备注：")[self._native], end="", flush=True)
            return sys.stdin.readline().strip()

    @staticmethod
    def _tell(error: SeedbedError) -> None:
        tell(f"{error.message}\n  {error.remedy}" if error.remedy else error.message)


def read_key() -> str:
    """One key, in any width; what a key sends more than a character, such as an arrow, is no key of ours. Empty at the end."""
    sys.stdout.flush()
    descriptor = sys.stdin.fileno()
    given = os.read(descriptor, 1)
    while _is_begun(given) and select.select([descriptor], [], [], 0.05)[0]:
        given += os.read(descriptor, 1)
    text = given.decode("utf-8", "replace")
    return "\x1b" if text.startswith("\x1b") else unicodedata.normalize("NFKC", text).casefold()


def _is_begun(given: bytes) -> bool:
    """Whether more bytes belong to the character, or to the sequence that a key such as an arrow sends."""
    if given[:1] == b"\x1b":
        return len(given) == 1 or (len(given) == 2 and given[1:] in (b"[", b"O")) or not 0x40 <= given[-1] <= 0x7E
    try:
        given.decode()
    except UnicodeDecodeError as error:
        return error.reason == "unexpected end of data"
    return False


@contextmanager
def _terminal(*, keys: bool) -> Iterator[None]:
    """The terminal giving each key at once and unseen, or whole lines as a shell has them; as it was afterwards."""
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    try:
        if keys:
            tty.setcbreak(descriptor, termios.TCSANOW)
        else:
            asked = termios.tcgetattr(descriptor)
            asked[3] |= termios.ICANON | termios.ECHO
            termios.tcsetattr(descriptor, termios.TCSANOW, asked)
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSANOW, before)
