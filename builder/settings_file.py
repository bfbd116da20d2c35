"""Reading and writing `seedbed.yaml`; every mistake in it is reported at once.

Precedence: `--set` and flags, then environment (`SEEDBED_TEACHER_MODEL` for `teacher.model`), then the file, then the
defaults.
"""

import inspect
import os
import re
import textwrap
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from builder.config import CATEGORIES, Section, Settings
from builder.errors import UsageError, nearest
from builder.language.chinese import ask_for_chinese


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
) -> Settings:
    """Read settings from a file, the environment and `key=value` overrides.

    Args:
        path: a YAML file, or None for the defaults.
        overrides: such as `novelty.threshold=0.8`; the value is read as YAML.
        environ: the environment; None is the process's own.

    Raises:
        UsageError: naming every mistake, with the nearest valid word for each unknown key.
    """
    tree = _read_yaml(path) if path is not None else {}
    mistakes: list[str] = []
    for key, name in ((key, "SEEDBED_" + key.upper().replace(".", "_")) for key in setting_keys()):
        text = (os.environ if environ is None else environ).get(name)
        if text is not None:
            _assign(tree, key, _read_value(text, name), mistakes)
    for override in overrides:
        key, equals, text = override.partition("=")
        if not equals:
            mistakes.append(f"--set {_hide_keys(override)}: expected key=value, such as novelty.threshold=0.8")
            continue
        _assign(tree, key.strip(), _read_value(text, f"--set {_hide_keys(key)}"), mistakes)
    if (report := tree.get("report")) and isinstance(report, dict) and report.get("language") == "zh":
        ask_for_chinese()
    settings = _validate(tree, str(path) if path else "the settings", mistakes)
    _refuse_keys(settings, os.environ if environ is None else environ)
    return settings


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
        raise UsageError(f"{path}: no such settings file", "`seedbed init` writes one to start from.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: cannot be read as UTF-8 text ({type(error).__name__})") from None
    try:
        tree = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        problem = _hide_keys(getattr(error, "problem", None) or type(error).__name__)
        raise UsageError(
            f"{path}{where}: not valid YAML ({problem})", "The file must be YAML: `key: value` lines."
        ) from None
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        raise UsageError(f"{path}: expected `key: value` lines at the top level, found a {type(tree).__name__}")
    return tree


def _read_value(text: str, where: str) -> Any:
    try:
        return yaml.safe_load(text) if text.strip() else text
    except yaml.YAMLError:
        raise UsageError(
            f"{where}: the value is not valid YAML",
            "Quote it, as in --set 'name=\"a: b\"'.",
        ) from None


def _assign(tree: dict[str, Any], key: str, value: Any, mistakes: list[str]) -> None:
    *sections, last = key.split(".")
    node = tree
    for section in sections:
        child = node.setdefault(section, {})
        if not isinstance(child, dict):
            mistakes.append(f"{_hide_keys(key)}: {_hide_keys(section)} is not a section")
            return
        node = child
    node[last] = value


def _validate(tree: dict[str, Any], where: str, mistakes: list[str]) -> Settings:
    try:
        settings = Settings.model_validate(tree)
    except ValidationError as error:
        mistakes += [_describe(detail) for detail in error.errors(include_url=False, include_input=False)]
    else:
        unknown = [c for c in settings.growth.categories or () if c not in CATEGORIES]
        mistakes += [f"growth.categories: unknown category {c!r}{nearest(c, CATEGORIES)}" for c in unknown]
        if not mistakes:
            return settings
    count = "1 mistake" if len(mistakes) == 1 else f"{len(mistakes)} mistakes"
    raise UsageError(
        f"{where}: {count}\n" + "\n".join(f"  - {mistake}" for mistake in mistakes),
        "`seedbed init --print` shows every setting with its meaning.",
    )


def _refuse_keys(settings: Settings, environ: Mapping[str, str]) -> None:
    """Settings are written beside the data: a key that stands anywhere in them, such as in an address, would be too."""
    text = dump_settings(settings)
    for name in {settings.teacher.api_key_env, *(one.api_key_env for one in settings.teacher.endpoints)}:
        key = environ.get(name, "").strip()
        if len(key) >= _SHORTEST_KEY and key in text:
            raise UsageError(
                f"the key in ${name} stands in the settings too",
                "Take it out of them: an address, a model or a name with a key in it would be written beside the data.",
            )


def _hide_keys(text: str) -> str:
    """A user's text for an error, without what looks like a key: no setting's name is so long and has a digit."""
    return _KEY_LIKE.sub("***", text)


_KEY_LIKE = re.compile(r"(?<![A-Za-z0-9_+/\-])(?=[A-Za-z0-9_+/\-]*\d)[A-Za-z0-9_+/\-]{16,}")
_SHORTEST_KEY = 12  # characters; a shorter value of the variable may be a word, such as EMPTY


def _describe(detail: ErrorDetails) -> str:
    path = [_hide_keys(str(part)) for part in detail["loc"]]
    key = ".".join(path)
    if detail["type"] != "extra_forbidden":
        message = detail["msg"].removeprefix("Value error, ")
        return f"{key or 'settings'}: {message[0].lower()}{message[1:]}"
    if path[-1] in ("api_key", "key", "token", "secret", "password"):
        return f"{key}: keys are never settings; put it in an environment variable and name that in teacher.api_key_env"
    keys = setting_keys()
    parent = key.rpartition(".")[0]
    siblings = {k[len(parent) + 1 if parent else 0 :].partition(".")[0] for k in keys if k.startswith(parent)}
    hint = nearest(path[-1], siblings) or next(
        (f", did you mean '{k}'?" for k in keys if k.rpartition(".")[2] == path[-1]), ""
    )
    return f"{key}: unknown setting{hint}"
