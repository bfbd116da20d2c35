"""A dataset folder's own settings, as Seedbed wrote them: a damaged or edited file is not taken over by the next decision."""

from collections.abc import Sequence

from builder.config import Settings
from builder.errors import IntegrityError
from builder.language.messages import worded
from builder.settings_file import load_settings
from builder.store.dataset_folder import DatasetFolder


def own_settings(folder: DatasetFolder, overrides: Sequence[str] = ()) -> Settings:
    """The settings that a folder was decided with, with `key=value` settings on top.

    Raises:
        IntegrityError: the file is not what was written.
        UsageError: a mistake in an override.
    """
    if problems := folder.problems(folder.settings):
        raise IntegrityError(
            f"{folder.settings}: {problems[0].problem}",
            worded(
                "Restore it from a copy. Or copy it, look through it, and decide by it: `seedbed curate {root} "
                "--settings COPY` writes it anew.",
                root=folder.root,
            ),
        )
    return load_settings(folder.settings, overrides)
