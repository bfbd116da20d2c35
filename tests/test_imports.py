"""Who may import whom, held by walking the imports of every module."""

import ast
import functools
from collections.abc import Iterable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LEAVES = {
    *("errors", "schema", "cells", "pictures", "published", "text", "leftovers", "similarity", "answers", "intervals"),
    *("cores", "language", "foreign", "progress", "store", "hub"),
}
BASE = {"config", "settings_file"}
CATALOGUES = {"requests", "procedural", "teachers", "recipes", "signals", "formats", "documents", "encoders"}
STAGES = {"generation", "curation", "reporting"}
TOP = {"queries", "pipeline", "dataset", "cli", "__main__"}

# What each part may import besides itself and the leaves.
ALLOWED: dict[str, set[str]] = {
    **{name: set() for name in LEAVES},
    "config": set(),
    "settings_file": {"config"},
    "execution": {"config"},
    "requests": BASE,
    "procedural": set(),
    "teachers": BASE | {"requests", "procedural"},
    "documents": BASE,
    "encoders": BASE | {"requests", "teachers"},
    "recipes": BASE | {"requests", "procedural", "documents"},
    "signals": BASE,
    "formats": BASE,
    "generation": BASE | CATALOGUES,
    "curation": BASE | CATALOGUES | {"execution"},
    "queries": BASE | {"requests"},
    "reporting": BASE | {"queries"},
    "pipeline": BASE | CATALOGUES | STAGES | {"execution", "queries"},
    "dataset": BASE | CATALOGUES | STAGES | {"pipeline", "queries"},
    "cli": BASE | CATALOGUES | STAGES | {"pipeline", "queries", "dataset"},
    "__main__": {"cli"},
}
TRAINER_MAY = LEAVES | BASE
HEAVY = {"torch", "transformers", "peft", "trl", "datasets"}
ONLY_IN = {
    "openai": {"builder/teachers/openai.py"},
    "duckdb": {"builder/queries/database.py", "builder/queries/statement.py"},
    "sqlite3": {
        *(f"builder/requests/{name}.py" for name in ("ledger_file", "ledger", "inheriting", "spending")),
        "builder/queries/search_index.py",
    },
    "ray": {"builder/execution.py"},
    "fsspec": {"builder/store/object_store.py"},
    "huggingface_hub": {
        *("builder/hub/sending.py", "builder/hub/refusals.py", "builder/encoders/local.py"),
        *("trainer/model.py", "trainer/preflight.py"),
    },
    "pickle": set(),
    "subprocess": {"builder/foreign/isolation.py", "builder/cli/editor.py"},
}


def modules(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


@functools.cache
def nodes(path: Path) -> tuple[ast.AST, ...]:
    return tuple(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


@functools.cache
def imports(path: Path) -> tuple[str, ...]:
    """Dotted names that a module imports at run time, inside functions too."""
    skipped: set[ast.AST] = set()
    for node in nodes(path):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            skipped.update(child for statement in node.body for child in ast.walk(statement))
    names: list[str] = []
    for node in nodes(path):
        if node in skipped:
            continue
        if isinstance(node, ast.Import):
            names += (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += (node.module, *(f"{node.module}.{alias.name}" for alias in node.names))
    return tuple(names)


def part_of(path: Path) -> str:
    first = path.relative_to(ROOT / "builder").parts[0]
    return first.removesuffix(".py")


def builder_parts(names: Iterable[str]) -> set[str]:
    parts = {name.split(".")[1] for name in names if name.startswith("builder.") and name.count(".")}
    return {part for part in parts if part in ALLOWED}


def test_every_part_of_the_builder_has_its_place() -> None:
    parts = {part_of(path) for path in modules("builder")} - {"__init__"}
    assert parts == set(ALLOWED)


@pytest.mark.parametrize("path", modules("builder"), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_downwards(path: Path) -> None:
    part = part_of(path)
    if part == "__init__":
        return
    assert builder_parts(imports(path)) - {part} <= ALLOWED[part] | LEAVES


@pytest.mark.parametrize("path", modules("trainer"), ids=lambda path: str(path.relative_to(ROOT)))
def test_the_trainer_knows_the_contracts_only(path: Path) -> None:
    assert builder_parts(imports(path)) <= TRAINER_MAY


def test_the_builder_loads_the_trainer_in_its_command_only() -> None:
    for path in modules("builder"):
        roots = {name.split(".")[0] for name in imports(path)}
        assert not roots & HEAVY, path
        if "trainer" in roots:
            assert part_of(path) == "cli", path


@pytest.mark.parametrize("library", sorted(ONLY_IN))
def test_a_library_is_imported_in_its_own_place_only(library: str) -> None:
    users = {
        str(path.relative_to(ROOT))
        for package in ("builder", "trainer")
        for path in modules(package)
        if library in {name.split(".")[0] for name in imports(path)}
    }
    assert users <= ONLY_IN[library]


def test_nothing_evaluates_or_executes_text() -> None:
    for package in ("builder", "trainer"):
        for path in modules(package):
            calls = [node.func for node in nodes(path) if isinstance(node, ast.Call)]
            names = {call.id for call in calls if isinstance(call, ast.Name)}
            assert not names & {"eval", "exec", "compile", "__import__"}, path
