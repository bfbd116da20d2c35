"""The `seedbed` command in the process of the tests: it spares them the one to two seconds that a process takes to start."""

import os
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from builder.cli import main


class Ended(NamedTuple):
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str


class Seedbed:
    """Runs commands; nothing of the user's own settings and keys reaches them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch, self._capsys = monkeypatch, capsys
        for name in os.environ:
            if name.startswith(("SEEDBED_", "OPENAI_")):
                monkeypatch.delenv(name)
        monkeypatch.setenv("COLUMNS", "100")

    def __call__(self, *arguments: str | Path, **environ: str) -> Ended:
        for name, value in environ.items():
            self._monkeypatch.setenv(name, value)
        self._monkeypatch.setattr(sys, "argv", ["seedbed", *map(str, arguments)])
        code: Any = 0
        try:
            main()
        except SystemExit as end:
            code = end.code or 0
        return Ended(code, *self._capsys.readouterr())
