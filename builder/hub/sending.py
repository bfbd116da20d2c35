"""Files into a repository, as one commit."""

import contextlib
import hashlib
import json
import os
import re
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from builder.errors import EndpointError, IntegrityError, UsageError
from builder.hub.refusals import TOKEN, one_line, told
from builder.hub.target import File, Pushed, Target, check_target
from builder.language.messages import worded
from builder.progress import Reporter

if TYPE_CHECKING:
    from huggingface_hub import HfApi

_ROWS = re.compile(r"data/(?:train|validation)-\d{5}-of-\d{5}\.parquet")
_READ_AS_ROWS = re.compile(r"data/(?:train|validation)-.*\.parquet")
_CROISSANT = "croissant.json"
_AT_ONCE = 5  # files: as many as the client sends beside each other
_WAITED_SECONDS = 300  # in which the hub counts requests
_CONNECT_SECONDS, _ANSWER_SECONDS = 4.0, 120.0


def push(target: Target, files: Sequence[File], reporter: Reporter) -> Pushed:
    """Send files as one commit; files of earlier rows that are not among them go with it, and all others stay.

    Raises:
        EndpointError: the hub cannot be reached, does not take the token, has no such user, or the branch changed meanwhile.
        UsageError: huggingface_hub is not installed; the repository is public where a private one was asked for, or the other
            way round; or it holds rows or a card of somebody else's, or a file that would be read with the rows.
        IntegrityError: a file is not what it is said to be.
        DiskError: the disk of this machine refuses.
    """
    check_target(target)
    token = _token(target.hub)
    with _client(target, token) as api, warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        names = _namespaces(api)
        with told(target, token, names):
            made, private, parent = _prepare(api, target)
            there, removed = _compare(api, target, parent, files)
            wanted = [file for file in files if file.path not in there]
            commit = _send(api, target, wanted, removed, parent, reporter) if wanted or removed else parent
    return Pushed(
        made=made,
        private=private,
        commit=commit,
        sent=tuple(file.path for file in wanted),
        there=tuple(sorted(there)),
        removed=tuple(removed),
        remarks=tuple(one_line(str(warning.message)) for warning in said if warning.category is UserWarning),
    )


def _token(hub: str) -> str:
    token = os.environ.get(TOKEN, "").strip()
    if not token:
        raise EndpointError(
            worded("{token} is not set, and {hub} takes files from those it knows only", token=TOKEN, hub=hub),
            worded(
                "Make a token that may write at {hub}/settings/tokens, and put it into {token}.", hub=hub, token=TOKEN
            ),
        )
    if not (token.isascii() and token.isprintable()) or " " in token:
        raise EndpointError(
            worded("{token} holds what no token holds", token=TOKEN),
            worded("Copy it anew from {hub}/settings/tokens.", hub=hub),
        )
    return token


@contextlib.contextmanager
def _client(target: Target, token: str) -> "Iterator[HfApi]":
    # Read where the package is imported. What is sent by the storage that the tests hold is what is sent elsewhere.
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    os.environ.setdefault("HF_HUB_DISABLE_XET", "1")
    try:
        import httpx2
        import huggingface_hub
        from huggingface_hub.utils import disable_progress_bars, logging  # type: ignore[attr-defined]
    except ImportError as error:
        raise UsageError(
            worded("sending to the hub needs {name}, which is not installed", name=error.name),
            worded('Install the extra: pip install "seedbed[hub]"'),
        ) from error
    if huggingface_hub.is_offline_mode():
        raise UsageError(
            worded("HF_HUB_OFFLINE is set, so nothing may be sent"), worded("Unset it, or look with --dry-run.")
        )
    disable_progress_bars()
    # Its warnings name the signed addresses of large files.
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    timeout = httpx2.Timeout(_ANSWER_SECONDS, connect=_CONNECT_SECONDS)
    hooks = {"response": [wait_no_longer]}
    huggingface_hub.set_client_factory(lambda: httpx2.Client(follow_redirects=True, timeout=timeout, event_hooks=hooks))
    try:
        with told(target, token):
            yield huggingface_hub.HfApi(endpoint=target.hub, token=token, library_name="seedbed")
    finally:
        huggingface_hub.close_session()


def wait_no_longer(response: Any) -> None:
    """Take away that a hub wants a request again after hours: the client would sleep so long without a word."""
    for name in ("ratelimit", "retry-after"):
        if any(int(number) > _WAITED_SECONDS for number in re.findall(r"\d{1,9}", response.headers.get(name, ""))):
            del response.headers[name]


def _namespaces(api: "HfApi") -> list[str]:
    """The user and the organisations that the token says it is of."""
    known = api.whoami()
    return [known["name"], *(one["name"] for one in known.get("orgs") or ())]


def _prepare(api: "HfApi", target: Target) -> tuple[bool, bool, str]:
    """Make what is missing of the repository and its branch; whether it was made, whether it is private, its last commit."""
    from huggingface_hub.errors import RepositoryNotFoundError, RevisionNotFoundError

    made = False
    try:
        info = api.repo_info(target.repository, repo_type="dataset")
    except RepositoryNotFoundError:
        private = target.private is not False
        api.create_repo(target.repository, repo_type="dataset", private=private, exist_ok=True)
        made, info = True, api.repo_info(target.repository, repo_type="dataset")
    private = bool(info.private)
    if target.private is not None and private != target.private:
        raise UsageError(
            (
                worded("{address}: is there already, and private, where --public was asked for", address=target.address)
                if private
                else worded(
                    "{address}: is there already, and public, where --private was asked for", address=target.address
                )
            ),
            worded("Change it in its settings on the hub, leave the flag out, or name another repository."),
        )
    try:
        info = api.repo_info(target.repository, repo_type="dataset", revision=target.revision)
    except RevisionNotFoundError:
        api.create_branch(target.repository, repo_type="dataset", branch=target.revision)
        info = api.repo_info(target.repository, repo_type="dataset", revision=target.revision)
    return made, private, str(info.sha)


def _compare(api: "HfApi", target: Target, commit: str, files: Sequence[File]) -> tuple[set[str], list[str]]:
    """Files that are in the repository as they are, and files of earlier rows that are not to be there any more."""
    from huggingface_hub import RepoFile

    wanted = {file.path: file for file in files}
    there: set[str] = set()
    removed: list[str] = []
    replaced: list[str] = []
    for found in api.list_repo_tree(target.repository, repo_type="dataset", revision=commit, recursive=True):
        if not isinstance(found, RepoFile):
            continue
        if found.path in wanted:
            if _is_same(wanted[found.path], found):
                there.add(found.path)
            else:
                replaced.append(found.path)
        elif _ROWS.fullmatch(found.path):
            removed.append(found.path)
        elif _READ_AS_ROWS.fullmatch(found.path):
            raise UsageError(
                worded(
                    "{address}: holds {path}, which load_dataset would read with the rows",
                    address=target.address,
                    path=found.path,
                ),
                worded("Remove it there, or name another repository."),
            )
    lost = sorted([*replaced, *removed])
    if lost and not target.overwrite and not ({*there, *lost} >= {_CROISSANT} and _is_ours(api, target, commit)):
        raise UsageError(
            worded(
                "{address}: holds {lost}, which `seedbed push` did not put there", address=target.address, lost=lost[0]
            ),
            worded("Name another repository, or have its rows and card replaced with --overwrite."),
        )
    return there, sorted(removed)


def _is_ours(api: "HfApi", target: Target, commit: str) -> bool:
    """Whether croissant.json in the repository is one that `push` sent: any other tool that sends rows names its files alike."""
    with tempfile.TemporaryDirectory() as folder:
        path = api.hf_hub_download(
            target.repository, _CROISSANT, repo_type="dataset", revision=commit, local_dir=folder
        )
        try:
            described = json.loads(Path(path).read_bytes())
        except (ValueError, RecursionError):
            return False
    return isinstance(described, dict) and "seedbed" in (described.get("keywords") or ())


def _is_same(file: File, found: Any) -> bool:
    if found.size != file.bytes:
        return False
    if found.lfs is not None:
        return bool(found.lfs.sha256 == file.sha256)
    content = file.content if isinstance(file.content, bytes) else file.content.read_bytes()
    return bool(hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest() == found.blob_id)


def _send(
    api: "HfApi", target: Target, files: Sequence[File], removed: Sequence[str], parent: str, reporter: Reporter
) -> str:
    """Large files first, some at a time, then the commit; returns what it is called."""
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    added: list[CommitOperationAdd] = []
    with reporter.step(worded("Sending"), total=sum(file.bytes for file in files)) as step:
        for start in range(0, len(files), _AT_ONCE):
            some = files[start : start + _AT_ONCE]
            operations = [CommitOperationAdd(file.path, file.content) for file in some]
            for file, operation in zip(some, operations, strict=True):
                if operation.upload_info.sha256.hex() != file.sha256:
                    raise IntegrityError(
                        worded("{path}: it changed while it was being sent", path=file.path),
                        worded("Nothing was committed."),
                    )
            api.preupload_lfs_files(
                target.repository, operations, repo_type="dataset", revision=target.revision, free_memory=False
            )
            added += operations
            step.advance(sum(file.bytes for file in some))
        made = api.create_commit(
            target.repository,
            [*added, *(CommitOperationDelete(path) for path in removed)],
            commit_message=target.message,
            repo_type="dataset",
            revision=target.revision,
            parent_commit=parent,
        )
    return str(made.oid)
