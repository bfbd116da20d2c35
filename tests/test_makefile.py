"""`make` takes the Python that is there, or says what to install."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MAKE = shutil.which("make") or ""

pytestmark = pytest.mark.skipif(not MAKE, reason="make is not installed")


def make(path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`make` where `path` is the only folder that programs are looked for in."""
    for tool in ("uname", "touch"):
        (path / tool).symlink_to(shutil.which(tool) or "")
    return subprocess.run(
        [MAKE, "--always-make", "-C", str(ROOT), "setup", *arguments],
        env={"PATH": str(path)},
        capture_output=True,
        text=True,
        timeout=60,
    )


def program(path: Path, body: str) -> None:
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


def test_a_python_of_any_name_is_taken(tmp_path: Path) -> None:
    program(tmp_path / "python3.11", "exit 1")  # as a version manager's name for a Python that is not installed
    program(tmp_path / "python3", f'exec {sys.executable} "$@"')
    assert "\npython3 -m venv .venv\n" in make(tmp_path, "--dry-run").stdout


def test_where_no_python_is_uv_brings_one(tmp_path: Path) -> None:
    program(tmp_path / "uv", "exit 0")
    assert "\nuv venv --seed --python 3.13 .venv\n" in make(tmp_path, "--dry-run").stdout


def test_where_neither_is_it_says_what_to_install(tmp_path: Path) -> None:
    ended = make(tmp_path)
    assert ended.returncode == 2
    assert "needs Python 3.11 or newer" in ended.stderr
    assert "apt install python3 python3-venv" in ended.stderr


def test_a_python_that_is_too_old_is_named_before_anything_is_made(tmp_path: Path) -> None:
    program(
        tmp_path / "old",
        f"""exec {sys.executable} -c 'import sys; sys.version_info = (3, 9); exec(sys.argv[2])' "$@" """,
    )
    ended = make(tmp_path, "PYTHON=old")
    assert ended.returncode == 2
    assert "Seedbed needs Python 3.11 or newer" in ended.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="only torch for Linux brings CUDA")
def test_without_a_graphics_card_torch_for_cpus_is_looked_for(tmp_path: Path) -> None:
    program(tmp_path / "python3", f'exec {sys.executable} "$@"')
    assert "--extra-index-url https://download.pytorch.org/whl/cpu" in make(tmp_path, "--dry-run").stdout


@pytest.mark.skipif(sys.platform != "linux", reason="only torch for Linux brings CUDA")
def test_with_one_torch_is_pypi_s(tmp_path: Path) -> None:
    program(tmp_path / "python3", f'exec {sys.executable} "$@"')
    program(tmp_path / "nvidia-smi", "exit 0")
    assert "constraints.txt torch==2.13.0 \n" in make(tmp_path, "--dry-run").stdout
