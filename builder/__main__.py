"""`python -m builder` is the `seedbed` command."""

from builder.cli import main

main()
