"""Who asks and who answers: by what speakers are called, in Chinese and English, and by who speaks in most conversations."""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import get_args

from builder.errors import UsageError, nearest
from builder.formats.conversations.exchanges import Side
from builder.formats.conversations.threads import Speaker, Threads
from builder.language.messages import worded
from builder.text import word_list

_ASKS = frozenset(
    word_list(
        "user human customer client buyer visitor guest consumer shopper caller member patient student asker questioner prompter"
        " 用户 客户 顾客 买家 访客 游客 消费者 会员 粉丝 提问者 提问人 咨询者 咨询人 来访者 患者 学生 家长 客人 买方 甲方 问 来电者 求助者"
    )
)
_ANSWERS = frozenset(
    word_list(
        "assistant bot agent seller shop store support merchant vendor operator staff service gpt chatgpt model ai chatbot robot"
        " representative rep advisor adviser consultant helpdesk admin doctor teacher tutor salesperson"
        " 客服 商家 卖家 店家 店主 店铺 掌柜 机器人 助手 智能客服 人工客服 在线客服 客服人员 坐席 座席 顾问 销售 运营 管家 助理 管理员 商户 店员 卖方"
        " 乙方 答 回答者 咨询师 医生 老师 智能助手 人工 官方"
    )
)
_SYSTEM = frozenset(word_list("system 系统 系统消息 系统通知 系统提示 通知 notification notice"))
_TOOL = frozenset(word_list("tool function observation 工具"))
_OF_MODELS = frozenset(word_list("user human assistant gpt model bot chatgpt ai tool function"))
# 客服01, 客服-小美, 张三（客服）, 阿依旗舰店, Anna (Support), agent_3, "Support Team"
_ENDS_AS_ANSWER = re.compile(
    "(?:客服|旗舰店|专营店|专卖店|官方店|企业店|小店|商城|店铺|机器人|小助手|助手|店|工作室)(?:[-_ ·:：]?[0-9０-９a-z]{1,4}号?)?$"
)
_BEGINS_AS_ANSWER = re.compile(
    "(?:智能|人工|在线|售前|售后|官方|值班|金牌)?(?:客服|坐席|座席|工号|机器人|管理员)[-_ ·:：（(0-9]?.{0,10}$"
)
_BEGINS_AS_ASK = re.compile("(?:客户|顾客|买家|用户|访客|游客|会员)[-_ ·:：（(]?[0-9a-z*]{0,20}[)）]?$")
# Customer Care, Guest Services, Member Relations: they who serve are called after those who are served.
_SERVES = re.compile(
    "(?:customer|client|user|member|guest|patient|visitor|consumer|buyer|student|shopper|caller)(?:'s|s'|s)?[ _-]"
    "(?:care|services?|support|success|relations?|experience|desk|team|help|helpline|helpdesk|hotline|cent(?:er|re)|line|dept|department)\\b"
)
_WORDS = re.compile("[a-z]+")
_PARENTHESES = re.compile(r"[（(【\[](.{1,12})[)）】\]]")
_LEAST_SHARE = 0.95
_LEAST_CONVERSATIONS = 3
# Customers write several messages for one that answers, but not that many.
_ASIDE = 5


def fold_speaker(name: str) -> str:
    """A speaker's name as it is compared."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def is_role_word(name: str) -> bool:
    """Whether a name is a word for a side, and nothing else."""
    folded = fold_speaker(name)
    return folded in _ASKS or folded in _ANSWERS or folded in _SYSTEM


def side_by_name(name: str) -> Side | None:
    """The side that a speaker is on by the name alone, or None where it says nothing."""
    folded = fold_speaker(name)
    inside = [part for part in _PARENTHESES.findall(folded) if part]
    for part in (folded, *inside):
        if part in _SYSTEM:
            return "notice"
        if part in _TOOL:
            return "tool"
        if part in _ASKS:
            return "user"
        if part in _ANSWERS:
            return "assistant"
    if _BEGINS_AS_ASK.match(folded):
        return "user"
    if _ENDS_AS_ANSWER.search(folded) or _BEGINS_AS_ANSWER.match(folded) or _SERVES.search(folded):
        return "assistant"
    words = set(_WORDS.findall(folded)) - {"ai", "model", "service"}
    asks, answers = bool(words & _ASKS), bool(words & _ANSWERS)
    return None if asks == answers else "user" if asks else "assistant"


@dataclass(frozen=True, slots=True)
class Roles:
    """Which side each speaker is on.

    Attributes:
        named: folded name, or a pattern with `*`, → side.
        others: of everybody else; None where everybody is named.
        sure: whether it need not be asked.
        why: how it was found: `given`, `names`, `most` (who speaks in most conversations), `owner` (whose
            export it is), or `guess`.
    """

    named: Mapping[str, Side]
    others: Side | None
    sure: bool
    why: str

    def as_pairs(self) -> dict[str, str]:
        """As `read_roles` takes them."""
        named = {name: side for name, side in self.named.items() if side not in ("notice", "tool")}
        return {**named, **({"*": self.others} if self.others is not None else {})}

    def side(self, speaker: str) -> Side:
        """The side of one speaker.

        Raises:
            UsageError: nothing says which.
        """
        folded = fold_speaker(speaker)
        found = self.named.get(folded) or next(
            (side for name, side in self.named.items() if "*" in name and fnmatchcase(folded, name)), None
        )
        by_name = side_by_name(speaker) if found is None else None
        if found is None and by_name in ("notice", "tool"):
            found = by_name
        if found is None and self.others is None:
            found = by_name
        found = found or self.others
        if found is None:
            raise UsageError(
                worded("--roles says nothing of the speaker '{speaker}'", speaker=speaker),
                worded(
                    "Add '{speaker}=user', '{speaker}=assistant' or '{speaker}=skip', or '*=user' for everybody else.",
                    speaker=speaker,
                ),
            )
        return found


def read_roles(pairs: Mapping[str, str]) -> Roles:
    """What a user says of roles: speaker → side.

    Raises:
        UsageError: no such side, or all speakers named are on one side that leaves nothing for the others.
    """
    valid = tuple(side for side in get_args(Side) if side not in ("notice", "tool"))
    named: dict[str, Side] = {}
    for name, side in pairs.items():
        if side not in valid:
            raise UsageError(
                worded(
                    "--roles {name}={side}: unknown role '{side}'{nearest}",
                    name=name,
                    side=side,
                    nearest=nearest(side, valid),
                ),
                worded("Roles are {valid}; write speaker=role.", valid=", ".join(valid)),
            )
        named[fold_speaker(name)] = "user" if side == "user" else side  # type: ignore[assignment]
    sides = set(named.values())
    others: Side | None = None
    if "user" not in sides or "assistant" not in sides:
        others = "user" if "assistant" in sides else "assistant" if "user" in sides else None
    return Roles(named, named.pop("*", others), True, "given")


def propose_roles(threads: Threads) -> Roles:
    """Who answers, as far as names and who speaks with whom tell."""
    speakers = threads.speakers()
    by_name = {speaker.name: side_by_name(speaker.name) for speaker in speakers}
    people = [speaker for speaker in speakers if by_name[speaker.name] not in ("notice", "tool")]
    named: dict[str, Side] = {fold_speaker(name): side for name, side in by_name.items() if side is not None}
    if any(fold_speaker(s.name) == "system" for s in speakers) and {fold_speaker(s.name) for s in people} <= _OF_MODELS:
        named["system"] = "system"
    if not any(by_name[s.name] == "assistant" for s in people) and (system := _answering_system(speakers)) is not None:
        return Roles(named | {system: "assistant"}, "user", True, "names")
    sides = {by_name[speaker.name] for speaker in people}
    if sides == {"user", "assistant"}:
        return Roles(named, None, True, "names")
    if "assistant" in sides and "user" not in sides and None in sides:
        answering = {s.name for s in people if by_name[s.name] == "assistant"}
        if _divides(threads, answering, least=1) and not _is_aside(people, answering):
            return Roles(named, "user", True, "names")
    if "user" in sides and "assistant" not in sides and None in sides:
        asking = {s.name for s in people if by_name[s.name] == "user"}
        if _divides(threads, asking, least=1):
            return Roles(named, "assistant", True, "names")
    return _by_presence(threads, people, named)


def _is_aside(people: Sequence[Speaker], answering: set[str]) -> bool:
    """Whether they who would answer say little among several who talk with one another, as the administrator of a group does."""
    said = sum(speaker.messages for speaker in people)
    by_answering = sum(speaker.messages for speaker in people if speaker.name in answering)
    return len(people) > len(answering) + 1 and said > _ASIDE * by_answering


def _answering_system(speakers: Sequence[Speaker]) -> str | None:
    """The system where it is what a user talks with, as in logs of dialogue systems, and no voice of notices; else None."""
    names = {fold_speaker(speaker.name): speaker.messages for speaker in speakers}
    both = names.keys() == {"user", "system"}
    return "system" if both and 2 * names["system"] > names["user"] and names["user"] > 1 else None


def owner_answers(threads: Threads, owner: str) -> Roles:
    """Whose export it is answers, beside those whose names say that they do; everybody else asks."""
    by_name = {fold_speaker(one.name): side for one in threads.speakers() if (side := side_by_name(one.name))}
    return Roles({**by_name, fold_speaker(owner): "assistant"}, "user", True, "owner")


def _by_presence(threads: Threads, people: Sequence[Speaker], named: dict[str, Side]) -> Roles:
    """The few who speak in most conversations answer; the many who come and go ask."""
    frequent: list[Speaker] = []
    for speaker in people:
        if speaker.conversations < _LEAST_CONVERSATIONS or named.get(fold_speaker(speaker.name)) == "user":
            break
        frequent.append(speaker)
        if _divides(threads, {one.name for one in frequent}, least=_LEAST_CONVERSATIONS):
            rarest = frequent[-1].conversations
            if any(2 * one.conversations > rarest for one in people if one not in frequent):
                break  # two who always talk with one another: presence tells nothing
            if 2 * sum(one.first for one in frequent) > sum(one.first for one in people):
                break  # one who writes to many may ask them all
            answering: dict[str, Side] = {fold_speaker(one.name): "assistant" for one in frequent}
            return Roles(named | answering, "user", True, "most")
    # Who begins fewer of the conversations is asked.
    guess = min(people, key=lambda one: (one.first / one.conversations, -one.messages), default=None)
    if guess is not None:
        named = {**named, fold_speaker(guess.name): "assistant"}
    return Roles(named, "user", False, "guess")


def _divides(threads: Threads, answering: set[str], *, least: int) -> bool:
    """Whether nearly every conversation has somebody on both sides."""
    total = both = 0
    for names in threads.together():
        total += len(names) > 0
        both += bool(names & answering) and bool(names - answering)
    return both >= least and both >= _LEAST_SHARE * total


def candidates(speakers: Iterable[Speaker], most: int = 8) -> str:
    """Some speakers as a message names them: `name (messages)`."""
    return ", ".join(f"{one.name} ({one.messages:,})" for one in list(speakers)[:most])
