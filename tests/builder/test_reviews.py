"""The file of reviews: who decides, what stands, what a kill leaves, and what finds its row again."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.errors import DiskError, IntegrityError
from builder.store.dataset_folder import DatasetFolder
from builder.store.reviews import (
    Review,
    Reviews,
    WhoDecides,
    decide,
    deciding,
    new_review,
    reviews_table,
)

PEOPLE = ("anna", "li", "王")


def test_old_lines_still_read(tmp_path: Path) -> None:
    (tmp_path / "reviews.jsonl").write_text(
        '0d3cf0ba5a8f7e0b {"row": 3, "id": "ab", "decision": "keep", "note": "看过"}\n', encoding="utf-8"
    )
    with pytest.raises(IntegrityError, match="line 1: torn, or changed by hand"):
        Reviews(tmp_path).read()
    (tmp_path / "reviews.jsonl").write_text(
        '4a98e520974415c5 {"row": 3, "id": "ab", "decision": "keep", "note": "看过"}\n' * 2, encoding="utf-8"
    )
    read = Reviews(tmp_path).read()
    assert [(one.row, one.id, one.decision, one.note, one.reviewer) for one in read] == [
        (3, "ab", "keep", "看过", "")
    ] * 2
    assert len({one.review_id for one in read}) == 2


@pytest.mark.parametrize(
    ("who", "expected"),
    [
        ("latest", ("drop", "王")),
        ("unanimous", None),
        ("majority", ("keep", "li")),
        (("王", "anna"), ("drop", "王")),
        (("nobody", "anna"), ("keep", "anna")),
        (("nobody",), None),
    ],
)
def test_who_decides(who: WhoDecides, expected: tuple[str, str] | None) -> None:
    said = [
        new_review(0, "a", decision, reviewer=name)  # type: ignore[arg-type]
        for name, decision in (("anna", "keep"), ("li", "keep"), ("王", "drop"))
    ]
    found = decide(said, who)
    assert (None if found is None else (found.decision, found.reviewer)) == expected


def test_a_tie_is_no_majority_and_two_edits_are_two_opinions() -> None:
    one, other = (
        new_review(0, "a", "edit", reviewer=name, edit=((1, text),)) for name, text in (("a", "x"), ("b", "y"))
    )
    assert decide([one, other], "majority") is None
    assert decide([one, other], "unanimous") is None
    assert one.says != other.says


def test_undo_gives_back_what_the_same_reviewer_said_before() -> None:
    first = new_review(0, "a", "keep", reviewer="li")
    second = new_review(0, "a", "drop", reviewer="li", follows=first.review_id)
    undone = new_review(0, "a", "withdraw", reviewer="li", follows=second.review_id)
    by_another = new_review(0, "a", "withdraw", reviewer="anna", follows=first.review_id)
    assert deciding([first, second], "latest") == {0: second}
    assert deciding([first, second, undone, by_another], "latest") == {0: first}
    assert deciding([first, new_review(0, "a", "withdraw", reviewer="li", follows=first.review_id)], "latest") == {}


ACTS = st.lists(
    st.tuples(st.sampled_from(PEOPLE), st.integers(0, 2), st.sampled_from(["keep", "drop", "edit", "undo", "kill"])),
    max_size=25,
)
WHO: st.SearchStrategy[WhoDecides] = st.sampled_from(["latest", "unanimous", "majority", ("王", "li")])


@given(acts=ACTS, who=WHO)
def test_any_sequence_of_reviews_comes_to_what_the_rule_says(
    tmp_path_factory: pytest.TempPathFactory, acts: list[tuple[str, int, str]], who: WhoDecides
) -> None:
    reviews = Reviews(tmp_path_factory.mktemp("reviews"))
    said: dict[int, list[tuple[str, str, str]]] = {}  # of each row: who, what, id; undone ones taken out
    for name, row, act in acts:
        mine = [one for one in said.get(row, []) if one[0] == name]
        if act == "kill":
            reviews = Reviews(reviews.path.parent)  # another process goes on from the disk
        elif act == "undo":
            if mine:
                reviews.append(new_review(row, "x", "withdraw", reviewer=name, follows=mine[-1][2]))
                said[row].remove(mine[-1])
        else:
            edit = ((1, name),) if act == "edit" else ()
            (made,) = reviews.append(new_review(row, "x", act, reviewer=name, edit=edit))  # type: ignore[arg-type]
            said.setdefault(row, []).append((name, act + (name if edit else ""), made.review_id))
    expected = {}
    for row, all_of_row in said.items():
        last = [one for place, one in enumerate(all_of_row) if one[0] not in {n for n, *_ in all_of_row[place + 1 :]}]
        opinions = [what for _, what, _ in last]
        if who == "latest":
            chosen = last[-1:]
        elif who == "unanimous":
            chosen = last[-1:] if len(set(opinions)) == 1 else []
        elif who == "majority":
            chosen = [one for one in last if 2 * opinions.count(one[1]) > len(last)][-1:]
        else:
            chosen = [one for name in who for one in last if one[0] == name][:1]
        if chosen:
            expected[row] = chosen[0][2]
    assert {row: one.review_id for row, one in deciding(reviews.read(), who).items()} == expected


APPENDING = """
import sys
from pathlib import Path
from builder.store.dataset_folder import DatasetFolder
from builder.store.reviews import new_review
folder = DatasetFolder(Path(sys.argv[1]))
for number in range(10_000):
    with folder.lock():
        folder.reviews.append(new_review(number, "a" * 16, "edit", reviewer="li", edit=((1, "字" * 20_000),)))
    print(number, flush=True)
"""


def test_what_was_said_to_be_written_is_there_after_a_kill(tmp_path: Path) -> None:
    folder = DatasetFolder(tmp_path / "data")
    told = 0
    for _ in range(5):
        with subprocess.Popen(
            [sys.executable, "-c", APPENDING, str(folder.root)], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            for _ in range(4):
                process.stdout.readline()
            process.send_signal(signal.SIGKILL)
            rest = process.stdout.read().splitlines()
        told += 4 + len([line for line in rest if line.isdecimal()])
        with folder.lock():
            folder.reviews.append(new_review(7, "b" * 16, "keep", reviewer="anna"))
        told += 1
    lines = folder.reviews.path.read_bytes().split(b"\n")
    whole = folder.reviews.read()
    assert told <= len(whole) == len(lines) - 1
    assert [one.reviewer for one in whole if one.reviewer == "anna"] == ["anna"] * 5


def test_a_disk_that_is_full_takes_the_line_back(tmp_path: Path) -> None:
    reviews = Reviews(tmp_path)
    reviews.append(new_review(0, "a", "keep", reviewer="li"))
    script = (
        "import resource, signal, sys\nfrom pathlib import Path\nfrom builder.errors import DiskError\n"
        "from builder.store.reviews import Reviews, new_review\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\nresource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try:\n    Reviews(Path(sys.argv[1])).append(new_review(1, 'b', 'keep', reviewer='li', note='x' * 5000))\n"
        "except DiskError:\n    print('refused')\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.stdout == "refused\n", done.stderr
    assert [one.row for one in reviews.read()] == [0]
    assert DiskError.exit_code == 7


def test_a_review_that_stands_twice_counts_once_where_it_is_now(tmp_path: Path) -> None:
    reviews = Reviews(tmp_path)
    (made,) = reviews.append(Review(4, "a", "drop"))
    reviews.append(Review(2, "a", "drop", review_id=made.review_id))
    assert [one.row for one in reviews.read()] == [2]


def test_all_reviews_as_a_table(tmp_path: Path) -> None:
    folder = DatasetFolder(tmp_path)
    first, second = folder.reviews.append(
        new_review(1, "a", "drop", reviewer="li"), new_review(1, "a", "edit", reviewer="li", edit=((1, "好"),))
    )
    folder.reviews.place([], [new_review(9, "c", "keep", reviewer="anna")])
    found = reviews_table(folder).select(["row", "decision", "reviewer", "edit", "stands"]).to_pylist()
    assert [tuple(one.values()) for one in found] == [
        (1, "drop", "li", None, False),
        (1, "edit", "li", '[[1, "好"]]', True),
        (None, "keep", "anna", None, False),
    ]
    assert first.review_id != second.review_id
