"""The command that sends a dataset to the Hugging Face hub."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from builder.cli.options import AsJson, Folder, Quiet, print_json, reporter, say, tell
from builder.cli.places import shown
from builder.language.messages import worded

if TYPE_CHECKING:
    from builder.hub import Pushed
    from builder.pipeline.pushing import Parcel


def push(
    folder: Folder,
    repository: Annotated[str, typer.Argument(help="The dataset's repository, as user/name.", metavar="REPO")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what would be sent; nothing is sent, and nobody asked.")
    ] = False,
    private: Annotated[
        bool | None,
        typer.Option(
            "--private/--public", help="Who may see a new repository [private]; refuses one that is otherwise."
        ),
    ] = None,
    revision: Annotated[str, typer.Option(help="The branch; a new one starts from main.")] = "main",
    message: Annotated[str | None, typer.Option(help="The commit's message; says how many rows by default.")] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace rows and a card that another tool put there.")
    ] = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Send the published rows with their card and croissant.json to the Hugging Face hub, as one commit.

    HF_TOKEN holds the token, HF_ENDPOINT names another hub. Files that are there already are not sent again, and files of
    rows published earlier are removed; what else the repository holds stays, and so does all that another tool put there.
    """
    from builder.pipeline.pushing import prepare_push, push_folder

    parcel = prepare_push(folder, repository, revision=revision, private=private, message=message, overwrite=overwrite)
    done = None if dry_run else push_folder(parcel, reporter(quiet or as_json))
    if as_json:
        print_json(_record(parcel, done))
        return
    if done is None:
        _print_plan(parcel)
    else:
        _print_done(parcel, done)
    if not parcel.licensed:
        tell(
            worded(
                "no licence is named; `seedbed curate {folder} --set license=cc-by-4.0` names one in the card",
                folder=shown(folder),
            )
        )


def _print_plan(parcel: "Parcel") -> None:
    target = parcel.target
    for file in parcel.files:
        say(f"{file.bytes:>13,}  {file.sha256}  {file.path}")
    total = sum(file.bytes for file in parcel.files)
    tell(
        worded(
            "{files} files, {total:,} bytes, would go to {address}, branch {revision}",
            files=len(parcel.files),
            total=total,
            address=target.address,
            revision=target.revision,
        )
    )
    tell(
        worded("a repository that is not there yet would be public")
        if target.private is False
        else worded("a repository that is not there yet would be private")
    )
    tell(worded("message: {message}", message=target.message))


def _print_done(parcel: "Parcel", done: "Pushed") -> None:
    target = parcel.target
    for path in done.sent:
        tell(worded("{path}: sent", path=path))
    for path in done.removed:
        tell(worded("{path}: removed, since the rows are in other files now", path=path))
    for remark in done.remarks:
        say(remark)
    if not done.sent and not done.removed:
        tell(
            worded(
                "{address}: holds all of it already (commit {commit})", address=target.address, commit=done.commit[:12]
            )
        )
        return
    if done.made:
        tell(
            worded("{address}: a new private repository", address=target.address)
            if done.private
            else worded("{address}: a new public repository", address=target.address)
        )
    else:
        tell(
            worded("{address}: a new commit in a private repository", address=target.address)
            if done.private
            else worded("{address}: a new commit in a public repository", address=target.address)
        )
    tell(worded("branch {revision}: commit {commit}", revision=target.revision, commit=done.commit))


def _record(parcel: "Parcel", done: "Pushed | None") -> dict[str, Any]:
    target = parcel.target
    facts: dict[str, Any] = {
        "repository": target.repository,
        "address": target.address,
        "revision": target.revision,
        "message": target.message,
        "files": [{"path": file.path, "bytes": file.bytes, "sha256": file.sha256} for file in parcel.files],
        "licensed": parcel.licensed,
        "dry_run": done is None,
        "private": target.private is not False if done is None else done.private,
    }
    if done is not None:
        facts |= {
            "made": done.made,
            "commit": done.commit,
            "sent": list(done.sent),
            "there": list(done.there),
            "removed": list(done.removed),
            "remarks": list(done.remarks),
        }
    return facts
