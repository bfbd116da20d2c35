"""Reading and writing `seedbed.yaml`; every mistake in it is reported at once.

Precedence: `--set` and flags, then environment (`SEEDBED_TEACHER_MODEL` for `teacher.model`), then the file, then the
defaults.
"""

import inspect
import json
import os
import re
import textwrap
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from builder.config import CATEGORIES, Section, Settings
from builder.errors import UsageError, nearest
from builder.language import Language
from builder.language.messages import listed, worded

_WORDS = Path(__file__).with_name("language")
_OTHER_VARIABLES = {"SEEDBED_CACHE", "SEEDBED_REVIEWER"}  # that are read elsewhere, and are no settings


def setting_keys(model: type[BaseModel] = Settings, prefix: str = "") -> list[str]:
    """All dotted keys, such as `novelty.threshold`, in the order of the models."""
    keys: list[str] = []
    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, Section):
            keys += setting_keys(inner, f"{prefix}{name}.")
        else:
            keys.append(prefix + name)
    return keys


def first_settings(language: Language) -> str:
    """A settings file to start from: what most people set, explained in their language."""
    return (_WORDS / f"settings.{language}.yaml").read_text(encoding="utf-8")


def describe_settings() -> str:
    """A settings file with every default, each key under its meaning."""
    lines = ["# Seedbed's settings with their defaults; what you leave out stays as it is here.", ""]
    _describe_section(Settings, lines, "")
    return "\n".join(lines) + "\n"


def _describe_section(model: type[Section], lines: list[str], indent: str) -> None:
    summary, meanings = _read_docstring(model)
    if indent:
        lines.append(f"{indent}# {summary}")
    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, Section):
            lines += ["", f"{indent}{name}:"]
            _describe_section(inner, lines, indent + "  ")
            continue
        for line in textwrap.wrap(meanings.get(name, ""), 100):
            lines.append(f"{indent}# {line}")
        dumped = model().model_dump(mode="json")[name]
        value = yaml.safe_dump(dumped, default_flow_style=True, allow_unicode=True, width=1000)
        lines.append(f"{indent}{name}: {value.removesuffix(chr(10)).removesuffix('...').strip()}")


def _read_docstring(model: type[Section]) -> tuple[str, dict[str, str]]:
    """A model's first sentence, and the meaning of each attribute it documents."""
    text = inspect.cleandoc(model.__doc__ or "")
    summary, _, attributes = text.partition("Attributes:")
    meanings: dict[str, str] = {}
    last = ""
    for line in attributes.splitlines():
        name, colon, meaning = line.strip().partition(": ")
        if colon and line.startswith("    ") and not line.startswith("     ") and name in model.model_fields:
            last = name
            meanings[name] = meaning
        elif line.strip() and meanings:
            meanings[last] += " " + line.strip()
    return " ".join(summary.split()), meanings


def load_settings(
    path: Path | None = None,
    overrides: Iterable[str] = (),
    environ: Mapping[str, str] | None = None,
    flags: Mapping[str, Any] = MappingProxyType({}),
    *,
    base: Mapping[str, Any] = MappingProxyType({}),
    by: str | None = None,
) -> Settings:
    """Read settings from a file, the environment, `key=value` overrides and the caller's own values.

    Args:
        path: a YAML file, or None for the defaults.
        overrides: such as `novelty.threshold=0.8`; the value is read as YAML.
        environ: the environment; None is the process's own.
        flags: values by key, such as `report.language` of a flag `--language`.
        base: settings in place of a file, as mappings of mappings.
        by: what mistakes in `flags` are called; None is the flag.

    Raises:
        UsageError: naming every mistake, with the nearest valid word for each unknown key.
    """
    tree = _read_yaml(path) if path is not None else json.loads(json.dumps(dict(base)))
    environ = os.environ if environ is None else environ
    mistakes: list[str] = []
    given = _Given(tree, mistakes)
    names = {"SEEDBED_" + key.upper().replace(".", "_"): key for key in setting_keys()}
    for name, text in environ.items():
        if name in names:
            given.read(names[name], text, f"${name}")
        elif name.startswith("SEEDBED_") and name not in _OTHER_VARIABLES:
            mistakes.append(
                f"${_hide_keys(name)}: there is no such setting{nearest(name, [*names, *_OTHER_VARIABLES])}"
            )
    for override in overrides:
        key, equals, text = override.partition("=")
        if equals:
            given.read(key.strip(), text, "--set")
        else:
            mistakes.append(f"--set {_hide_keys(override)}: expected key=value, such as novelty.threshold=0.8")
    for key, value in flags.items():
        given.assign(key, value, by or f"--{key.rpartition('.')[2]}")
    settings = _validate(tree, str(path) if path else worded("the settings"), mistakes, given.by)
    _refuse_keys(settings, environ)
    return settings


def as_settings(source: Settings | Path, overrides: Iterable[str] = ()) -> Settings:
    """Settings that are given, or those of a file with overrides.

    Raises:
        UsageError: see `load_settings`.
    """
    return source if isinstance(source, Settings) else load_settings(source, overrides)


def settings_from_mapping(tree: Mapping[str, Any], where: str = "the settings") -> Settings:
    """Validate a mapping as settings; `where` names it in errors."""
    return _validate(dict(tree), where, [])


def dump_settings(settings: Settings) -> str:
    """The settings as YAML, every key written out; holds no secret because settings cannot."""
    return yaml.safe_dump(settings.model_dump(mode="json"), allow_unicode=True, sort_keys=False, width=100)


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UsageError(
            worded("{path}: no such settings file", path=path), worded("`seedbed init` writes one to start from.")
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            worded("{path}: cannot be read as UTF-8 text ({name})", path=path, name=type(error).__name__)
        ) from None
    try:
        tree = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        problem = _hide_keys(getattr(error, "problem", None) or type(error).__name__)
        raise UsageError(
            worded("{path}{where}: not valid YAML ({problem})", path=path, where=where, problem=problem),
            worded("The file must be YAML: `key: value` lines."),
        ) from None
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        raise UsageError(
            worded(
                "{path}: expected `key: value` lines at the top level, found a {name}",
                path=path,
                name=type(tree).__name__,
            )
        )
    return tree


def _read_value(text: str, where: str) -> Any:
    try:
        return yaml.safe_load(text) if text.strip() else text
    except yaml.YAMLError:
        raise UsageError(
            worded("{where}: the value is not valid YAML", where=where),
            worded("Quote it, as in --set 'name=\"a: b\"'."),
        ) from None


class _Given:
    """Values from the environment and the command line, put into what the file says.

    Attributes:
        by: what gave a key its value, `--set` or a variable's name; a key of the file is not in it.
    """

    def __init__(self, tree: dict[str, Any], mistakes: list[str]) -> None:
        self._tree = tree
        self._mistakes = mistakes
        self.by: dict[str, str] = {}

    def read(self, key: str, text: str, by: str) -> None:
        """Set a key to a value that is written as YAML."""
        self.assign(key, _read_value(text, f"{_hide_keys(key)} ({by})"), by)

    def assign(self, key: str, value: Any, by: str) -> None:
        """Set a key to a value."""
        *sections, last = key.split(".")
        node = self._tree
        for section in sections:
            child = node.setdefault(section, {})
            if not isinstance(child, dict):
                self._mistakes.append(f"{_hide_keys(key)} ({by}): {_hide_keys(section)} is not a section")
                return
            node = child
        node[last] = value
        self.by[key] = by


def _validate(
    tree: dict[str, Any], where: str, mistakes: list[str], given_by: Mapping[str, str] = MappingProxyType({})
) -> Settings:
    """Read settings; a mistake in a value that the file does not have names what gave it."""
    try:
        settings = Settings.model_validate(tree)
    except ValidationError as error:
        for detail in error.errors(include_url=False, include_input=False):
            key = ".".join(str(part) for part in detail["loc"])
            by = next((by for given, by in given_by.items() if f"{key}.".startswith(f"{given}.")), None)
            mistakes.append(_describe(detail, f" ({by})" if by else ""))
    else:
        unknown = [c for c in settings.growth.categories or () if c not in CATEGORIES]
        mistakes += [f"growth.categories: unknown category {c!r}{nearest(c, CATEGORIES)}" for c in unknown]
        if not mistakes:
            return settings
    raise UsageError(
        worded(
            "{where}: {count} mistakes\n{mistakes}",
            one="{where}: {count} mistake\n{mistakes}",
            count=len(mistakes),
            where=where,
            mistakes=listed(("  - " + mistake for mistake in mistakes), "\n"),
        ),
        worded("`seedbed init --all --print` shows every setting with its meaning."),
    )


def _refuse_keys(settings: Settings, environ: Mapping[str, str]) -> None:
    """Settings are written beside the data: a key that stands anywhere in them, such as in an address, would be too."""
    text = dump_settings(settings)
    for name in {settings.teacher.api_key_env, *(one.api_key_env for one in settings.teacher.endpoints)}:
        key = environ.get(name, "").strip()
        if len(key) >= _SHORTEST_KEY and key in text:
            raise UsageError(
                worded("the key in ${name} stands in the settings too", name=name),
                worded(
                    "Take it out of them: an address, a model or a name with a key in it would be written beside the "
                    "data."
                ),
            )


def _hide_keys(text: str) -> str:
    """A user's text for an error, without what looks like a key: no setting's name is so long and has a digit."""
    return _KEY_LIKE.sub("***", text)


_KEY_LIKE = re.compile(r"(?<![A-Za-z0-9_+/\-])(?=[A-Za-z0-9_+/\-]*\d)[A-Za-z0-9_+/\-]{16,}")
_SHORTEST_KEY = 12  # characters; a shorter value of the variable may be a word, such as EMPTY


def _describe(detail: ErrorDetails, by: str) -> str:
    path = [_hide_keys(str(part)) for part in detail["loc"]]
    key = ".".join(path)
    if detail["type"] != "extra_forbidden":
        message = detail["msg"].removeprefix("Value error, ")
        return f"{key or 'settings'}{by}: {message[0].lower()}{message[1:]}"
    if path[-1] in ("api_key", "key", "token", "secret", "password"):
        return f"{key}{by}: keys are never settings; put it in an environment variable and name that in teacher.api_key_env"
    keys = setting_keys()
    parent = key.rpartition(".")[0]
    siblings = {k[len(parent) + 1 if parent else 0 :].partition(".")[0] for k in keys if k.startswith(parent)}
    hint = nearest(path[-1], siblings) or next(
        (worded(", did you mean '{k}'?", k=k) for k in keys if k.rpartition(".")[2] == path[-1]), ""
    )
    return f"{key}{by}: unknown setting{hint}"
