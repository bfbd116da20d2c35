"""A hub on loopback: what the Hugging Face hub answers to the client that sends and loads datasets, kept in memory."""

import base64
import contextlib
import hashlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

TOKEN = "hf_loopbackloopbackloopback"


@dataclass
class Repo:
    """A repository: its branches, and for each commit its files."""

    private: bool
    branches: dict[str, str] = field(default_factory=dict)
    trees: dict[str, dict[str, bytes]] = field(default_factory=dict)
    messages: list[str] = field(default_factory=list)

    def commit(self, branch: str, tree: dict[str, bytes], message: str) -> str:
        """Put a branch at a new commit."""
        sha = hashlib.sha1(f"{len(self.trees)}{message}{sorted(tree)}".encode()).hexdigest()
        self.branches[branch], self.trees[sha] = sha, dict(tree)
        self.messages.append(message)
        return sha

    def files(self, branch: str = "main") -> dict[str, bytes]:
        """What a branch holds."""
        return self.trees[self.branches[branch]]


@dataclass
class Hub:
    """The state of a hub, and what a test wants it to do.

    Attributes:
        requests: such as `PUT /lfs/3f2a…`, in their order.
        refuse: the beginning of a request → the status and the words with which it is answered.
        answers: the beginning of a request → what it is answered with.
        before_commit: called before a commit is looked at.
        html: every answer is a page, as of a proxy that asks for a login.
    """

    address: str = ""
    users: dict[str, tuple[str, ...]] = field(default_factory=lambda: {TOKEN: ("ada", "lakes")})
    repos: dict[str, Repo] = field(default_factory=dict)
    large: dict[str, bytes] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    refuse: dict[str, tuple[int, str]] = field(default_factory=dict)
    answers: dict[str, Any] = field(default_factory=dict)
    before_commit: Any = None
    html: bool = False

    def sent(self) -> list[str]:
        """The large files that were sent, by their hash, in their order."""
        return [one.removeprefix("PUT /lfs/") for one in self.requests if one.startswith("PUT /lfs/")]


class Refused(Exception):
    """An answer that is no success."""

    def __init__(self, status: int, said: str, code: str = "") -> None:
        super().__init__(said)
        self.status, self.said, self.code = status, said, code


def is_large(path: str) -> bool:
    """Whether .gitattributes of a new repository has a file among the large ones."""
    return path.endswith(".parquet")


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_PUT(self) -> None:
        self._answer()

    def log_message(self, *_: Any) -> None:
        pass

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        place = urlsplit(self.path)
        request = f"{self.command} {unquote(place.path)}"
        self.hub.requests.append(request)
        try:
            for beginning, (status, said) in self.hub.refuse.items():
                if request.startswith(beginning):
                    raise Refused(status, said)
            given = [one for beginning, one in self.hub.answers.items() if request.startswith(beginning)]
            content = given[0] if given else self._route(unquote(place.path), parse_qs(place.query), body)
            status, headers = 200, {}
            if isinstance(content, tuple):
                headers, content = content
        except Refused as refused:
            headers = {"X-Error-Message": refused.said} | ({"X-Error-Code": refused.code} if refused.code else {})
            status, content = refused.status, {"error": refused.said}
        raw = content if isinstance(content, bytes) else json.dumps(content).encode()
        raw = b"<html>Please log in.</html>" if self.hub.html else raw
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(raw)

    def _route(self, path: str, query: dict[str, list[str]], body: bytes) -> Any:
        if path.startswith("/lfs/"):
            return self._store(path.removeprefix("/lfs/"), body)
        names = self._names()
        if path == "/api/whoami-v2":
            if names is None:
                raise Refused(401, "Invalid credentials in Authorization header")
            return {"type": "user", "name": names[0], "orgs": [{"name": name} for name in names[1:]]}
        if path == "/api/validate-yaml":
            return {"warnings": [], "errors": []}
        if path == "/api/repos/create":
            return self._create(json.loads(body), names)
        if path.startswith("/datasets/") and path.endswith(".git/info/lfs/objects/batch"):
            return self._batch(json.loads(body))
        if path.startswith("/datasets/"):
            _, _, user, name, _, revision, inside = path.split("/", 6)
            return self._resolve(self._repo(f"{user}/{name}", names), revision, inside)
        if path.startswith("/api/datasets/"):
            _, _, _, user, name, *rest = path.split("/")
            repo = self._repo(f"{user}/{name}", names)
            what, where = (rest[0] if rest else "", "/".join(rest[1:]))
            match what:
                case "" | "revision":
                    return self._info(f"{user}/{name}", repo, where or "main")
                case "tree":
                    revision, _, below = where.partition("/")
                    return self._tree(repo, revision, below, recursive="true" in str(query.get("recursive")).lower())
                case "paths-info":
                    wanted = parse_qs(body.decode()).get("paths", [])
                    return [one for one in self._tree(repo, where, "", recursive=True) if one["path"] in wanted]
                case "branch":
                    repo.branches[where] = repo.branches["main"]
                    return {}
                case "preupload":
                    return self._preupload(json.loads(body))
                case "commit":
                    return self._commit(f"{user}/{name}", repo, where, body)
        raise Refused(404, f"no such place: {path}")

    def _names(self) -> tuple[str, ...] | None:
        return self.hub.users.get(self.headers.get("authorization", "").removeprefix("Bearer "))

    def _repo(self, name: str, names: tuple[str, ...] | None) -> Repo:
        repo = self.hub.repos.get(name)
        if repo is None or (repo.private and name.partition("/")[0] not in (names or ())):
            raise Refused(404, "Repository not found", "RepoNotFound")
        return repo

    def _create(self, wanted: dict[str, Any], names: tuple[str, ...] | None) -> dict[str, str]:
        user = wanted["organization"]
        if user not in (names or ()):
            raise Refused(403, f'You don\'t have the rights to create a dataset under the namespace "{user}"')
        name = f"{user}/{wanted['name']}"
        if name in self.hub.repos:
            raise Refused(409, "You already created this dataset repo")
        repo = self.hub.repos[name] = Repo(private=wanted.get("visibility") == "private")
        repo.commit("main", {".gitattributes": b"*.parquet filter=lfs diff=lfs merge=lfs -text\n"}, "initial commit")
        return {"url": f"{self.hub.address}/datasets/{name}"}

    def _at(self, repo: Repo, revision: str) -> str:
        sha = repo.branches.get(revision, revision)
        if sha not in repo.trees:
            raise Refused(404, "Invalid rev id", "RevisionNotFound")
        return sha

    def _info(self, name: str, repo: Repo, revision: str) -> dict[str, Any]:
        sha = self._at(repo, revision)
        siblings = [{"rfilename": path} for path in sorted(repo.trees[sha])]
        created = "2026-01-02T03:04:05.000Z"
        return {"id": name, "private": repo.private, "sha": sha, "siblings": siblings, "createdAt": created, "tags": []}

    def _tree(self, repo: Repo, revision: str, below: str, *, recursive: bool) -> list[dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        start = f"{below}/" if below else ""
        for path, content in sorted(repo.trees[self._at(repo, revision)].items()):
            name, slash, _ = path.removeprefix(start).partition("/")
            if not path.startswith(start):
                continue
            if slash and not recursive:
                found[name] = {"type": "directory", "path": start + name, "size": 0, "oid": "0" * 40}
                continue
            blob = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
            one: dict[str, Any] = {"type": "file", "path": path, "size": len(content), "oid": blob}
            if is_large(path):
                one["lfs"] = {"oid": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 130}
            found[path] = one
        return list(found.values())

    def _preupload(self, wanted: dict[str, Any]) -> dict[str, Any]:
        modes = {one["path"]: "lfs" if is_large(one["path"]) else "regular" for one in wanted["files"]}
        return {"files": [{"path": path, "uploadMode": mode, "shouldIgnore": False} for path, mode in modes.items()]}

    def _batch(self, wanted: dict[str, Any]) -> dict[str, Any]:
        objects = []
        for one in wanted["objects"]:
            if one["oid"] not in self.hub.large:
                one = {**one, "actions": {"upload": {"href": f"{self.hub.address}/lfs/{one['oid']}", "header": {}}}}
            objects.append(one)
        return {"transfer": "basic", "objects": objects}

    def _store(self, oid: str, body: bytes) -> bytes:
        assert "authorization" not in self.headers  # the storage is another's
        if hashlib.sha256(body).hexdigest() != oid:
            raise Refused(400, "the content is not what its hash says")
        self.hub.large[oid] = body
        return b""

    def _commit(self, name: str, repo: Repo, revision: str, body: bytes) -> dict[str, str]:
        if self.hub.before_commit is not None:
            self.hub.before_commit(repo)
        lines = [json.loads(line) for line in body.splitlines()]
        header = next(line["value"] for line in lines if line["key"] == "header")
        if header.get("parentCommit") not in (None, repo.branches[revision]):
            raise Refused(412, "A commit has happened since. Please refresh and try again.")
        tree = dict(repo.files(revision))
        for line in lines:
            value = line["value"]
            match line["key"]:
                case "file":
                    tree[value["path"]] = base64.b64decode(value["content"])
                case "lfsFile":
                    tree[value["path"]] = self.hub.large[value["oid"]]
                case "deletedFile":
                    del tree[value["path"]]
        sha = repo.commit(revision, tree, header["summary"])
        return {"commitUrl": f"{self.hub.address}/datasets/{name}/commit/{sha}", "commitOid": sha}

    def _resolve(self, repo: Repo, revision: str, path: str) -> Any:
        sha = self._at(repo, revision)
        if path not in repo.trees[sha]:
            raise Refused(404, "Entry not found", "EntryNotFound")
        content = repo.trees[sha][path]
        return {"ETag": f'"{hashlib.sha256(content).hexdigest()}"', "X-Repo-Commit": sha}, content


@contextlib.contextmanager
def serve_hub() -> Iterator[Hub]:
    """A hub of its own on a free port while the block runs."""
    hub = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": hub}))
    server.daemon_threads = True
    hub.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
