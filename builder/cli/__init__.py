"""The `seedbed` command: parse, call, print, exit code. Everything heavy is imported inside the commands."""

from builder.cli.app import main

__all__ = ["main"]
