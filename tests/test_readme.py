"""The README's tree is the tree, its commands are the commands, and its two languages say the same."""

import re
from pathlib import Path

import pytest
import typer.main

from builder.cli.app import app
from builder.settings_file import load_settings

ROOT = Path(__file__).parents[1]
SKIPPED = {"__pycache__", "__init__.py", "py.typed", "__main__.py"}


def tree(readme: str) -> set[str]:
    """Paths in the README's tree block; several names may stand on a line."""
    text = (ROOT / readme).read_text(encoding="utf-8")
    block = re.search(r"<!-- tree -->\n```\n(.*?)```", text, re.DOTALL)
    assert block
    paths: set[str] = set()
    folders: list[str] = []
    for line in block[1].splitlines():
        depth = (len(line) - len(line.lstrip())) // 2
        names = re.split(r"\s{2,}", line.strip())[0].split()
        folders = folders[:depth]
        for name in names:
            paths.add("/".join([*folders, name.rstrip("/")]))
        if names[0].endswith("/"):
            folders.append(names[0].rstrip("/"))
    return paths


@pytest.mark.parametrize("readme", ["README.md", "README.zh.md"])
def test_the_tree_names_every_module_and_nothing_else(readme: str) -> None:
    listed = tree(readme)
    assert [path for path in listed if not (ROOT / path).exists()] == []
    for package in ("builder", "trainer"):
        for path in (ROOT / package).iterdir():
            if path.name not in SKIPPED:
                assert f"{package}/{path.name}" in listed, path
        for folder in (path for path in (ROOT / package).iterdir() if path.is_dir()):
            spelt_out = any(entry.startswith(f"{package}/{folder.name}/") for entry in listed)
            for module in folder.glob("*.py"):
                if spelt_out and module.name not in SKIPPED:
                    assert f"{package}/{folder.name}/{module.name}" in listed, module


PAGES = ["README.md", *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md") if ".zh." not in path.name)]


def in_chinese(page: str) -> str:
    return page.removesuffix(".md") + ".zh.md"


@pytest.mark.parametrize("page", [name for page in PAGES for name in (page, in_chinese(page))])
def test_every_link_and_picture_is_there(page: str) -> None:
    targets = re.findall(r"\]\(([^)#]+)\)", (ROOT / page).read_text(encoding="utf-8"))
    assert targets
    for target in targets:
        if not target.startswith("http"):
            assert (ROOT / page).parent.joinpath(target).exists(), target


@pytest.mark.parametrize("page", PAGES)
def test_both_languages_have_the_same_commands(page: str) -> None:
    def commands(name: str) -> list[str]:
        blocks = re.findall(r"```(?:sh|yaml|python)\n(.*?)```", (ROOT / name).read_text(encoding="utf-8"), re.DOTALL)
        lines = [line.split("#")[0].strip() for block in blocks for line in block.splitlines()]
        return [re.sub(r"[\u4e00-\u9fff]+", "…", line) for line in lines]  # names of columns and speakers

    assert commands(page) == commands(in_chinese(page))


def test_the_readme_is_read_at_a_glance() -> None:
    before_the_tree = (ROOT / "README.md").read_text(encoding="utf-8").partition("<!-- tree -->")[0]
    assert len(before_the_tree.splitlines()) <= 65


def test_every_command_that_is_advised_exists() -> None:
    known = set(typer.main.get_group(app).commands)
    texts = [
        *ROOT.glob("*.md"),
        *ROOT.glob("docs/*.md"),
        *(
            path
            for package in ("builder", "trainer")
            for path in (ROOT / package).rglob("*.*")
            if path.suffix not in (".pyc", ".mo")
        ),
    ]
    advised = {
        (name, path.name)
        for path in texts
        for name in re.findall(r"(?:`|^\$? ?|\s)seedbed ([a-z][a-z-]+)", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert len(advised) > 50
    assert sorted((name, file) for name, file in advised if name not in known) == []


def test_the_demo_s_size_is_that_of_its_settings() -> None:
    target = load_settings(ROOT / "seeds" / "quickstart.yaml").target
    assert f"grows {target:,} rows" in (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"生成 {target:,} 行" in (ROOT / "README.zh.md").read_text(encoding="utf-8")
