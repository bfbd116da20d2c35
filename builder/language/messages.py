"""Messages: what is said carries its template and its values, and is said whole in the reader's language.

A `Message` is its English text, so that whatever reads English goes on working; `into("zh")` looks its template up in the
catalogue, `zh.po`, and says its values, which may be messages themselves, in the same language.
"""

import gettext
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

from builder.language import Language

# What separates the members of a list, beside what does in Chinese.
_SEPARATORS = {", ": "、", "; ": "；", ". ": "。", " ": ""}


class Message(str):
    """What is said to a person: the English text, and what it was made of.

    Attributes:
        template: the English text with `{name}` for each value; what the catalogue is looked up by.
        values: name → a number, a name that the user gave, another message, or whatever shows itself.
    """

    __slots__ = ("template", "values")
    template: str
    values: Mapping[str, object]

    def __new__(cls, text: str, template: str, values: Mapping[str, object]) -> "Message":
        made = super().__new__(cls, text)
        made.template = template
        made.values = values
        return made

    def __reduce__(self) -> tuple[type["Message"], tuple[str, str, Mapping[str, object]]]:
        return type(self), (str(self), self.template, self.values)

    def __add__(self, other: str) -> "Message":
        return listed([self, other], "")

    def __radd__(self, other: str) -> "Message":
        return listed([other, self], "")

    def is_known(self) -> bool:
        """Whether the catalogue has it."""
        return not self.template or _chinese(self.template) != self.template

    def into(self, language: Language) -> str:
        """The message in a language, values that are messages with it."""
        if language == "en":
            return str(self)
        if not self.template:
            return ""
        return _chinese(self.template).format_map({name: say(value, language) for name, value in self.values.items()})


class Listed(Message):
    """Messages in a row; `template` is what separates them."""

    __slots__ = ()

    def is_known(self) -> bool:
        """Its members say whether they are."""
        return True

    def into(self, language: Language) -> str:
        """The members in a language, separated as it does."""
        if language == "en":
            return str(self)
        separator = _SEPARATORS.get(self.template, self.template)
        return separator.join(str(say(one, language)) for one in self.values.values())


def worded(template: str, /, *, one: str | None = None, **values: object) -> Message:
    """A message: `worded("{count} rows of {total} are kept", one="{count} row of {total} is kept", count=1, total=2)`.

    Args:
        template: a literal, as the catalogue is extracted from the source.
        one: the English one where the first of the values is 1.
        values: what stands in the template, by name.
    """
    said = one if one is not None and next(iter(values.values())) == 1 else template
    return Message(said.format_map(values), template, values)


def listed(members: Iterable[str], separator: str = ", ") -> Message:
    """Messages, or words of the user, in a row."""
    values = {str(place): member for place, member in enumerate(members)}
    return Listed(separator.join(values.values()), separator, values)


class Paired(Message):
    """A message that was put together in both languages; `template` is the English one."""

    __slots__ = ()

    def is_known(self) -> bool:
        """It brings its Chinese."""
        return True

    def into(self, language: Language) -> str:
        """The one of the two that is asked for."""
        return str(self.values["zh"]) if language == "zh" else str(self)


def paired(english: str, chinese: str) -> Message:
    """A message of two texts, as labels are."""
    return Paired(english, english, {"zh": chinese})


def say(value: object, language: Language) -> object:
    """A value in a language, where it is a message; else itself."""
    if isinstance(value, Message):
        return value.into(language)
    if language == "zh" and isinstance(value, str):
        from builder.language.chinese import in_chinese  # texts that are no messages yet

        return in_chinese(value)
    return value


@cache
def _catalogue() -> gettext.GNUTranslations:
    with Path(__file__).with_name("zh.mo").open("rb") as file:
        return gettext.GNUTranslations(file)


def _chinese(template: str) -> str:
    return _catalogue().gettext(template)
