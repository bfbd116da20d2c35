"""What people decided about rows: DIR/reviews.jsonl, appended, one checksum a line; the one place that reads and writes it.

    3f1c… {"row": 17, "id": "9b1e…", "decision": "drop", "note": "off topic", "reviewer": "li", "time": …, "review_id": …}

Nothing in it is ever changed: who changes their mind adds a review that follows the earlier one, and undo is one that withdraws it.
Reviews whose conversation is in no row, as after a rebuild under other settings, wait in reviews-unplaced.jsonl.
"""

import hashlib
import json
import os
import secrets
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import pyarrow as pa

from builder.errors import IntegrityError
from builder.language.messages import worded
from builder.store.files import disk_errors, write_text

if TYPE_CHECKING:
    from builder.store.dataset_folder import DatasetFolder

Decision = Literal["keep", "drop", "edit", "withdraw"]
# Of several reviewers who decides: the one who came last, all where they agree, more than half, or the first of these names.
WhoDecides = Literal["latest", "unanimous", "majority"] | tuple[str, ...]

# A last line without its end may be one that is being written now.
_TRIES, _PAUSE_SECONDS = 4, 0.05


@dataclass(frozen=True, slots=True)
class Review:
    """What one person decided about one row.

    Attributes:
        row: its number as it is now.
        id: of its conversation, by which the review finds its row after a rebuild.
        decision: `withdraw` takes back the review that it follows.
        note: why, in the reviewer's words.
        reviewer: who; empty in reviews of before names were noted.
        time: when, in UTC to the second; it is in nothing that is hashed.
        review_id: 16 hex digits; given when it is written.
        edit: the new texts of turns, each with the turn's place from 0.
        follows: the reviewer's earlier review that this one replaces or withdraws, or None.
    """

    row: int
    id: str
    decision: Decision
    note: str = ""
    reviewer: str = ""
    time: str = ""
    review_id: str = ""
    edit: tuple[tuple[int, str], ...] = ()
    follows: str | None = None

    @property
    def says(self) -> tuple[str, tuple[tuple[int, str], ...]]:
        """What two reviews have in common that agree."""
        return self.decision, self.edit


@dataclass(frozen=True, slots=True)
class Ruling:
    """What the reviews of a row come to, by the setting that says who decides.

    Attributes:
        decision: `replaced` where an edit's row stands for this one, `withdrawn` where this is such a row and the edit no longer holds.
        of: the row that stands for it.
    """

    row: int
    decision: Literal["keep", "drop", "replaced", "withdrawn"]
    note: str = ""
    of: int | None = None


REVIEWS_SCHEMA = pa.schema(
    [
        pa.field("review_id", pa.string(), nullable=False),
        pa.field("row", pa.int64()),
        pa.field("id", pa.string(), nullable=False),
        pa.field("decision", pa.string(), nullable=False),
        pa.field("note", pa.string(), nullable=False),
        pa.field("reviewer", pa.string(), nullable=False),
        pa.field("time", pa.string(), nullable=False),
        pa.field("edit", pa.string()),
        pa.field("follows", pa.string()),
        pa.field("stands", pa.bool_(), nullable=False),
    ]
)


class Reviews:
    """The reviews of one folder.

    Args:
        root: the folder.
    """

    def __init__(self, root: Path) -> None:
        self.path = root / "reviews.jsonl"
        self.unplaced_path = root / "reviews-unplaced.jsonl"

    def read(self) -> list[Review]:
        """All reviews of rows, in the order in which they were made.

        Raises:
            IntegrityError: a line is torn, was changed or typed by hand; it is named.
        """
        return _read(self.path)

    def read_unplaced(self) -> list[Review]:
        """The reviews whose conversation is in no row; raises as `read` does."""
        return _read(self.unplaced_path)

    def append(self, *reviews: Review) -> list[Review]:
        """Append reviews, each on disk before the next; the caller holds the folder's lock.

        A last line that was torn is ended first, so it cannot spoil these.

        Returns:
            They, with their `review_id`.

        Raises:
            DiskError: there is no room; what was written of the review at hand is taken back.
        """
        whole = [one if one.review_id else replace(one, review_id=secrets.token_hex(8)) for one in reviews]
        with disk_errors(self.path), self.path.open("ab+", buffering=0) as file:
            for review in whole:
                end = file.seek(0, os.SEEK_END)
                torn = end > 0 and (file.seek(-1, os.SEEK_END), file.read(1))[1] != b"\n"
                try:
                    _write_all(file.fileno(), (b"\n" if torn else b"") + _line(review).encode())
                    os.fsync(file.fileno())
                except OSError:
                    file.truncate(end)
                    raise
        return whole

    def place(self, placed: Sequence[Review], unplaced: Iterable[Review]) -> None:
        """Append reviews that found their row, then keep the others as those that have none."""
        self.append(*placed)
        write_text(self.unplaced_path, "".join(map(_line, unplaced)))

    def inherit(self, source: "Reviews") -> None:
        """Take over another folder's reviews, none of them placed yet.

        Raises:
            IntegrityError: as `read` does.
        """
        if reviews := {one.review_id: one for one in (*source.read_unplaced(), *source.read())}:
            write_text(self.unplaced_path, "".join(map(_line, reviews.values())))

    def problems(self) -> Iterator[tuple[str, str]]:
        """For `verify`: of each file with a damaged line its name, and what is wrong."""
        for path in (self.path, self.unplaced_path):
            try:
                for number, review in _lines(path):
                    if review is None:
                        yield path.name, worded("line {number}: its checksum does not match", number=number)
            except IntegrityError as error:
                yield path.name, error.message.removeprefix(str(path)).lstrip(":, ")


def new_review(
    row: int,
    id: str,
    decision: Decision,
    *,
    reviewer: str,
    note: str = "",
    edit: tuple[tuple[int, str], ...] = (),
    follows: str | None = None,
) -> Review:
    """A review that is made now."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return Review(row, id, decision, note, reviewer, now, secrets.token_hex(8), edit, follows)


def standing(reviews: Iterable[Review]) -> dict[int, list[Review]]:
    """Of each row the last review of each reviewer that was not withdrawn, in the order in which they were made."""
    made: dict[int, list[Review]] = {}
    reviewers: dict[str, str] = {}
    withdrawn: set[str] = set()
    for review in reviews:
        if review.decision != "withdraw":
            reviewers[review.review_id] = review.reviewer
            made.setdefault(review.row, []).append(review)
        elif review.follows is not None and reviewers.get(review.follows) == review.reviewer:
            withdrawn.add(review.follows)
    found = {}
    for row, all_of_row in made.items():
        last = {one.reviewer: one for one in all_of_row if one.review_id not in withdrawn}
        if last:
            found[row] = [one for one in all_of_row if last.get(one.reviewer) is one]
    return found


def decide(reviews: Sequence[Review], who: WhoDecides) -> Review | None:
    """The review that decides about a row; None leaves the row to the checks.

    Args:
        reviews: of one row, one of each reviewer, as `standing` gives them.
        who: `latest` is the one who came last; `unanimous` all, where they say the same; `majority` what more than half say; names
            are the reviewers who decide, the first of them that reviewed the row, and nobody else.
    """
    if not reviews:
        return None
    if isinstance(who, tuple):
        by_name = {one.reviewer: one for one in reviews}
        return next((by_name[name] for name in who if name in by_name), None)
    if who == "latest":
        return reviews[-1]
    said, count = Counter(one.says for one in reviews).most_common(1)[0]
    enough = count == len(reviews) if who == "unanimous" else 2 * count > len(reviews)
    return next(one for one in reversed(reviews) if one.says == said) if enough else None


def deciding(reviews: Iterable[Review], who: WhoDecides) -> dict[int, Review]:
    """The review that decides about each row, where there is one."""
    chosen = {row: decide(of_row, who) for row, of_row in standing(reviews).items()}
    return {row: review for row, review in chosen.items() if review is not None}


def edit_source(review: Review) -> str:
    """The source of the row that an edit makes."""
    return f"review:{review.review_id}"


def rulings(folder: "DatasetFolder", who: WhoDecides) -> dict[int, Ruling]:
    """What people's reviews come to for each row that they are about.

    An edit rules once its new row is in the folder (`edited_rows`): until then the old one is judged as if nobody had edited it.

    Raises:
        IntegrityError: a line of the reviews is damaged.
    """
    reviews = folder.reviews.read()
    chosen = deciding(reviews, who)
    ruled = {
        row: Ruling(row, "keep" if one.decision == "keep" else "drop", one.note)
        for row, one in chosen.items()
        if one.decision != "edit"
    }
    # In row order: an edit of an edit comes after it, and falls with it.
    for row, (old, edit) in sorted(edited_rows(folder, reviews).items()):
        holds = old in chosen and chosen[old].says == edit.says and _stands(ruled.get(old))
        if holds:
            ruled[old] = Ruling(old, "replaced", chosen[old].note, row)
        if row not in ruled:
            ruled[row] = Ruling(row, "keep" if holds else "withdrawn", edit.note)
    return ruled


def _stands(ruling: Ruling | None) -> bool:
    return ruling is None or ruling.decision == "keep"


def edited_rows(folder: "DatasetFolder", reviews: Iterable[Review]) -> dict[int, tuple[int, Review]]:
    """The rows of edits that are in the folder, each with the row that it was made of and the first review that made it so."""
    edits = {edit_source(one): one for one in reviews if one.decision == "edit"}
    if not edits:
        return {}
    table = folder.sample_columns(["row", "source", "parents"]).to_pylist()
    return {
        record["row"]: (edit.row, edit)
        for record in table
        if (edit := edits.get(record["source"])) is not None and record["parents"] == [edit.id]
    }


def reviews_table(folder: "DatasetFolder") -> pa.Table:
    """All reviews as a table (`REVIEWS_SCHEMA`), in the order in which they were made; `row` is null where they are about none now.

    `edit` is JSON, pairs of a turn's place and its new text; `stands` says whether it is its reviewer's last word on the row.

    Raises:
        IntegrityError: a line of the reviews is damaged.
    """
    placed, unplaced = folder.reviews.read(), folder.reviews.read_unplaced()
    stand = {one.review_id for of_row in standing(placed).values() for one in of_row}
    known = {one.review_id for one in placed}
    rows = [(one, one.row) for one in placed] + [(one, None) for one in unplaced if one.review_id not in known]
    records: list[dict[str, Any]] = [
        {name: getattr(one, name) for name in REVIEWS_SCHEMA.names if name not in ("row", "edit", "stands")}
        | {
            "row": row,
            "edit": json.dumps(one.edit, ensure_ascii=False) if one.edit else None,
            "stands": one.review_id in stand,
        }
        for one, row in rows
    ]
    return pa.Table.from_pylist(records, schema=REVIEWS_SCHEMA)


def _write_all(descriptor: int, content: bytes) -> None:
    while content:
        content = content[os.write(descriptor, content) :]


def _read(path: Path) -> list[Review]:
    """The reviews of a file; one that stands there twice, as after a kill while it was placed, counts once, where it is now."""
    found: dict[str, Review] = {}
    for number, review in _settled(path):
        if review is None:
            raise IntegrityError(
                worded(
                    "{path}, line {number}: torn, or changed by hand: its checksum does not match",
                    path=path,
                    number=number,
                ),
                worded(
                    "Take the line out (`sed -i {number}d {path}`) and decide about its row again with `seedbed "
                    "review`; all other lines stay.",
                    number=number,
                    path=path,
                ),
            )
        found[review.review_id] = review
    return list(found.values())


def _settled(path: Path) -> list[tuple[int, Review | None]]:
    for _ in range(_TRIES):
        lines = list(_lines(path))
        if not lines or lines[-1][1] is not None:
            break
        time.sleep(_PAUSE_SECONDS)  # another process may be in the middle of its last line
    return lines


def _lines(path: Path) -> Iterator[tuple[int, Review | None]]:
    """Each line's number, and its review; None where its checksum is wrong."""
    if not os.path.lexists(path):
        return
    if not path.is_file():
        raise IntegrityError(worded("{path}: not a file", path=path), worded("Restore it from a copy."))
    for number, line in enumerate(path.read_bytes().decode("utf-8", "replace").split("\n"), 1):
        if line:
            checksum, _, body = line.partition(" ")
            yield number, (_parse(path, body, number) if checksum == _checksum(body) else None)


def _parse(path: Path, body: str, number: int) -> Review:
    """A review whose checksum is right: what else is in it was written by another version, or by hand."""
    try:
        record = json.loads(body)
        if not isinstance(record, dict):
            raise TypeError(f"an object was expected, not {type(record).__name__}")
        record["edit"] = tuple((turn, text) for turn, text in record.get("edit") or ())
        review = Review(**record)
        texts = (review.id, review.note, review.reviewer, review.time, review.review_id)
        named = all(isinstance(text, str) for text in texts) and review.decision in get_args(Decision)
        edits = all(type(turn) is int and isinstance(text, str) for turn, text in review.edit)
        followed = review.follows is None or isinstance(review.follows, str)
        if not (named and edits and followed) or type(review.row) is not int or not 0 <= review.row < 2**63:
            raise TypeError("a row, an id, a decision and a note were expected")
    except (ValueError, TypeError, RecursionError) as error:
        raise IntegrityError(
            worded(
                "{path}, line {number}: not a review that this version knows ({error})",
                path=path,
                number=number,
                error=error,
            ),
            worded("Restore the file from a copy, or take the line out and decide about the row again."),
        ) from None
    # Lines of before reviews had ids: by their place, since the same may be decided twice.
    return review if review.review_id else replace(review, review_id=_checksum(f"{number} {body}"))


def _line(review: Review) -> str:
    record: Mapping[str, Any] = {field.name: getattr(review, field.name) for field in fields(review)}
    optional = ("edit", "follows")
    body = json.dumps(
        {name: value for name, value in record.items() if value or name not in optional}, ensure_ascii=False
    )
    # Lone surrogates become U+FFFD before the checksum is taken, since UTF-8 cannot hold them.
    body = body.encode("utf-8", "replace").decode()
    return f"{_checksum(body)} {body}\n"


def _checksum(body: str) -> str:
    return hashlib.sha256(body.encode("utf-8", "surrogatepass")).hexdigest()[:16]
