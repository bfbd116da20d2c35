"""Which column of a table is which: who says what to whom, when, and in which conversation; by names, and by what is in them.

What a user maps is taken as it is. What names say is taken where what is in the column does not speak against it. Where names say
nothing, a column is taken only if it alone looks like what is sought; else it has to be asked.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Literal

from builder.errors import UsageError, nearest
from builder.formats.columns import CHAT_NAMES, NAMES, fold_name
from builder.formats.conversations.header import plain_name
from builder.formats.conversations.notices import MARKS
from builder.formats.conversations.roles import is_role_word, side_by_name
from builder.formats.conversations.times import has_date, is_time
from builder.language.messages import worded
from builder.text import word_list

Kind = Literal["messages", "rounds"]
FIELDS = tuple(CHAT_NAMES)
Row = Mapping[str, str]

_MOSTLY = 0.9
_NAME_LENGTH = 40
# A speaker of a table speaks again and again; of names that stand once or twice each most are partners.
_SPEAKERS = 0.2

TRUE, FALSE = frozenset({"1", "true", "yes", "y", "是", "1.0"}), frozenset({"0", "false", "no", "n", "否", "0.0"})
INWARDS = frozenset(
    {"in", "inbound", "incoming", "received", "receive", "recv", "接收", "收", "收到", "来", "对方", "客户发送", "客户"}
)
OUTWARDS = frozenset(
    {"out", "outbound", "outgoing", "sent", "send", "发送", "发", "发出", "己方", "我方", "我", "客服发送", "客服"}
)
# Of whatever a table is of: of conversations where several rows that stand together have one.
_NUMBERS = frozenset(
    ["id", "no", "number", "group", "编号", "序号", "号码", "组", "组别", "单号", "订单号", "订单编号", "order_id"]
)
_WHO = frozenset(
    word_list(
        "user assistant customer buyer client agent seller bot support human gpt 用户 助手 客户 客服 顾客 买家"
        " 商家 卖家"
    )
)
_OF_CUSTOMER = ("customer", "客户", "inbound", "incoming")


@dataclass(frozen=True, slots=True)
class Layout:
    """How a table holds conversations.

    Attributes:
        kind: one message a row, or one question with its answer.
        columns: our field → column.
        missing: fields that have to be asked for, each with the columns that it may be.
        perhaps: columns that may tell conversations apart, where none that is known does.
    """

    kind: Kind
    columns: Mapping[str, str]
    missing: Mapping[str, Sequence[str]] = field(default_factory=dict)
    perhaps: Sequence[str] = ()

    @property
    def sure(self) -> bool:
        """Whether nothing has to be asked."""
        return not self.missing


class _Columns:
    """What stands in each column of some rows."""

    def __init__(self, names: Sequence[str], rows: Sequence[Row]) -> None:
        self.names = names
        self.rows = rows
        self._values = {name: [value for row in rows if (value := row.get(name))] for name in names}

    def values(self, name: str) -> list[str]:
        return self._values[name]

    def share(self, name: str, test: Callable[[str], bool]) -> float:
        values = self._values[name]
        return sum(map(test, values)) / len(values) if values else 0.0

    def length(self, name: str) -> float:
        values = self._values[name]
        return sum(map(len, values)) / len(values) if values else 0.0

    def distinct(self, name: str) -> float:
        values = self._values[name]
        return len(set(values)) / len(values) if values else 0.0

    def is_names(self, name: str) -> bool:
        """Whether it holds short texts of which some come again."""
        values = self._values[name]
        again = len(set(values)) < len(values) or len(values) < 3
        return bool(values) and again and all(len(value) <= _NAME_LENGTH and "\n" not in value for value in values)


def check_fields(mapping: Mapping[str, str], columns: Sequence[str]) -> dict[str, str]:
    """What a user maps, field → column, with the column as the file has it.

    Raises:
        UsageError: no such field, or no such column.
    """
    found = {}
    by_name = {fold_name(column): column for column in reversed(columns)}
    for name, column in mapping.items():
        if name not in FIELDS:
            raise UsageError(
                worded(
                    "--map {name}={column}: unknown field '{name}'{nearest}",
                    name=name,
                    column=column,
                    nearest=nearest(name, FIELDS),
                ),
                worded("Fields are {fields}; write field=column.", fields=", ".join(FIELDS)),
            )
        if fold_name(column) not in by_name:
            raise UsageError(
                worded(
                    "--map {name}={column}: no column '{column}'{nearest}",
                    name=name,
                    column=column,
                    nearest=nearest(column, columns),
                ),
                worded("The columns are {columns}.", columns=", ".join(columns)),
            )
        found[name] = by_name[fold_name(column)]
    return found


def find_layout(columns: Sequence[str], rows: Sequence[Row], mapping: Mapping[str, str]) -> Layout | None:
    """How a table holds conversations; None where it holds none as far as one can see.

    Args:
        rows: some of its rows.
        mapping: what a user says: field → column.

    Raises:
        UsageError: the mapping names what is not there.
    """
    given = check_fields(mapping, columns)
    table = _Columns(columns, rows)
    named = given | {
        field: column for field, column in _by_names(table, set(given.values())).items() if field not in given
    }
    if not given.keys() & {"text", "speaker"} and (rounds := _rounds(table, named, given)) is not None:
        return rounds
    found = {name: column for name, column in named.items() if name not in ("question", "answer")}
    missing: dict[str, Sequence[str]] = {}
    free = [name for name in columns if name not in found.values() and table.values(name)]
    by_name = set(found) & {"text", "speaker", "direction", "receiver", "time", "conversation"}
    if "time" not in found and "date" not in found:
        times = [name for name in free if table.share(name, has_date) >= _MOSTLY]
        found |= {"time": times[0]} if len(times) == 1 else {}
        free = [name for name in free if name not in times[:1]]
    if not found.keys() & {"speaker", "direction"}:
        speakers = [name for name in free if table.is_names(name) and _speaks(table, name)]
        if len(speakers) == 1:
            found["speaker"] = speakers[0]
            free.remove(speakers[0])
        elif "partner" in found and _speaks(table, found["partner"]):
            found["speaker"] = found.pop("partner")
        else:
            missing["speaker"] = speakers or [name for name in free if table.is_names(name)] or (free if given else [])
            if not missing["speaker"]:
                return None
    if "text" not in found:
        texts = sorted((name for name in free if name not in found.values()), key=table.length, reverse=True)
        if texts and (len(texts) == 1 or table.length(texts[0]) >= 3 * table.length(texts[1])):
            found["text"] = texts[0]
        else:
            missing["text"] = texts or free
    perhaps = _tell_apart(table, found, free) if not missing else []
    numbered = [name for name in perhaps if fold_name(name) in _NUMBERS]
    if numbered:
        found["conversation"], perhaps = numbered[0], []
    named_so = bool(by_name & {"text", "speaker", "direction"}) and len(found) >= 2
    if not (given or named_so or ("speaker" in found and found.keys() & {"time", "date"})):
        return None  # nothing that a chat has
    return Layout("messages", found, missing, perhaps)


def _by_names(table: _Columns, taken: Collection[str]) -> dict[str, str]:
    """Field → column by what columns are called, where what is in them does not speak against it."""
    plain = {}
    for column in reversed(table.names):
        if column not in taken and table.values(column):
            plain[plain_name(column)] = column
    fits: Mapping[str, Callable[[str], bool]] = {
        "time": lambda name: table.share(name, is_time) >= _MOSTLY / 2,
        "date": lambda name: table.share(name, is_time) >= _MOSTLY / 2,
        "speaker": lambda name: table.share(name, lambda text: len(text) <= _NAME_LENGTH) >= _MOSTLY,
        "receiver": table.is_names,
        "partner": table.is_names,
        "direction": lambda name: table.share(name, lambda text: direction_of(text, name) is not None) >= _MOSTLY,
        "kind": lambda name: table.share(name, lambda text: kind_of_row(text) is not None) >= _MOSTLY,
        "order": lambda name: table.share(name, str.isdecimal) == 1,
    }
    found: dict[str, str] = {}
    for ours, names in CHAT_NAMES.items():
        of_rows = ours in ("question", "answer")
        # a column that is called by who speaks may hold their names, where another one says that it is a question
        if of_rows:
            names = tuple(sorted((*NAMES[ours], *names), key=_WHO.__contains__))
        for name in names:
            named = plain.get(fold_name(name))
            if named is None or (named in found.values() and not of_rows):
                continue
            if ours not in fits or fits[ours](named):
                found[ours] = named
                break
    return found


def _rounds(table: _Columns, named: Mapping[str, str], given: Mapping[str, str]) -> Layout | None:
    """One column that asks and one that answers, both of whole sentences; with conversations or times that hold them together."""
    asks, answers = named.get("question"), named.get("answer")
    if asks is None or answers is None or asks == answers:
        return None
    if not given.keys() & {"question", "answer"} and (
        (table.is_names(asks) and table.distinct(asks) < _SPEAKERS)
        or (table.is_names(answers) and table.distinct(answers) < _SPEAKERS)
    ):
        return None  # names of people
    if "text" in named and not given and ("speaker" in named or {plain_name(asks), plain_name(answers)} <= _WHO):
        return None
    kept = {name: named[name] for name in ("conversation", "partner", "time", "date", "order") if name in named}
    kept = {name: column for name, column in kept.items() if column not in (asks, answers)}
    return Layout("rounds", kept | {"question": asks, "answer": answers})


def _speaks(table: _Columns, name: str) -> bool:
    """Whether the names in a column are of few who come again, of whom some are on a side by their name."""
    values = table.values(name)
    return len(set(values)) <= max(2, _SPEAKERS * len(values)) and any(side_by_name(value) for value in set(values))


def _tell_apart(table: _Columns, found: Mapping[str, str], free: Sequence[str]) -> list[str]:
    """The columns that may tell conversations apart where nothing known does: everybody who asks is called alike, or nothing has a time."""
    if found.keys() & {"conversation", "partner", "receiver"}:
        return []
    others = [name for name in free if name not in found.values()]
    who = found.get("speaker") or found["direction"]
    alike = "speaker" not in found or all(map(is_role_word, table.values(who)))
    accounts = [name for name in others if alike and _has_both(table, name, who)]
    blocks = [name for name in others if _in_blocks(table, name)]
    if not found.keys() & {"time", "date", "order"}:
        return [*dict.fromkeys((*blocks, *accounts))]
    return accounts or [name for name in blocks if fold_name(name) in _NUMBERS]


def _has_both(table: _Columns, name: str, who: str) -> bool:
    """Whether several come again and again in a column, and most of them with both who ask and who answer."""
    sides: dict[str, set[str]] = {}
    for row in table.rows:
        if row.get(name) and row.get(who):
            sides.setdefault(row[name], set()).add(row[who])
    both = sum(len(several) > 1 for several in sides.values())
    is_flag = {fold_name(value) for value in sides} <= TRUE | FALSE
    return table.is_names(name) and len(sides) > 1 and not is_flag and both >= _MOSTLY * len(sides)


def _in_blocks(table: _Columns, name: str) -> bool:
    """Whether rows that stand together share what is in a column, and no others do, as with the number of a conversation."""
    values = [row.get(name, "") for row in table.rows]
    if fold_name(name) in _NUMBERS and values[0]:  # where only the first row of a conversation has it
        for place in range(1, len(values)):
            values[place] = values[place] or values[place - 1]
    runs = [value for value, _ in groupby(values)]
    return all(runs) and 1 < len(set(runs)) == len(runs) <= len(values) / 2


def direction_of(text: str, column: str) -> Literal["user", "assistant"] | None:
    """Who says a row, by a column that says which way it went or whether a customer says it."""
    folded = fold_name(text)
    if folded in INWARDS or folded in OUTWARDS:
        return "user" if folded in INWARDS else "assistant"
    if folded not in TRUE and folded not in FALSE:
        return None
    of_customer = any(word in fold_name(column) for word in _OF_CUSTOMER)
    return "user" if of_customer == (folded in TRUE) else "assistant"


_SAID = frozenset(word_list("text txt 文本 文字 文本消息 文字消息 plain"))
_NOTICES = frozenset(word_list("system notice notification event 系统 系统消息 系统通知 通知 提示 事件"))


def kind_of_row(text: str) -> str | None:
    """What a column of kinds says of a row: an empty text where something is said, `system`, or a mark such as [图片]."""
    folded = fold_name(text)
    if folded in _SAID:
        return ""
    return "system" if folded in _NOTICES else MARKS.get(folded)
