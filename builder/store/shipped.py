"""Files that ship with Seedbed: seed tasks, a handbook, the demo's settings and rows."""

from pathlib import Path

import builder
from builder.errors import InputFileError
from builder.language.messages import worded

# In place of a path in the settings.
BUILTIN = "builtin"


def shipped_file(name: str, package: Path | None = None) -> Path:
    """A file that ships with Seedbed, such as `seed_tasks.jsonl`: inside an installed package, or beside it in a checkout.

    Args:
        package: the folder of the `builder` package; None is the running one.

    Raises:
        InputFileError: it is in neither place.
    """
    folder = package or Path(builder.__file__).parent
    places = (folder / "_seeds" / name, folder.parent / "seeds" / name)
    found = next((place for place in places if place.is_file()), None)
    if found is None:
        raise InputFileError(
            places[0], worded("this file should have come with Seedbed"), remedy=worded("Install Seedbed again.")
        )
    return found
