"""The command that takes personal data and secrets out of a dataset."""

from builder.cli.options import AsJson, ChangedFolder, Quiet, print_outcome, reporter, tell
from builder.cli.places import shown
from builder.language.messages import worded


def redact(folder: ChangedFolder, as_json: AsJson = False, quiet: Quiet = False) -> None:
    """Replace rows with private data by new ones without it.

    Each is a new row with placeholders such as [EMAIL_1], or [邮箱_1] in a Chinese one; the old row stays in the folder,
    dropped as `redacted`. Rows that a person reviewed stay as they are. Running it again adds nothing.
    """
    from builder.pipeline.redacting import redact_folder

    done = redact_folder(folder, reporter(quiet))
    if not as_json:
        kinds = " · ".join(f"{kind} {rows:,}" for kind, rows in sorted(done.kinds.items()))
        tell(
            worded("{folder}: {rows:,} rows redacted ({kinds})", folder=shown(folder), rows=done.rows, kinds=kinds)
            if kinds
            else worded("{folder}: {rows:,} rows redacted", folder=shown(folder), rows=done.rows)
        )
    print_outcome(done.outcome, as_json, {"redacted": {"rows": done.rows, "kinds": dict(done.kinds)}})
