"""Data on an S3 server: the command as a user calls it, over HTTP, with credentials from the environment."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import pytest
import s3fs
from moto.core.authorization import enable_iam_authentication
from moto.moto_server.werkzeug_app import create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

from builder.errors import EndpointError, InputFileError, UsageError
from builder.progress import Reporter
from builder.store.addresses import Address
from builder.store.dataset_folder import DatasetFolder
from builder.store.object_store import Store, local_files
from builder.store.working_copy import working_copy
from tests.builder.test_addresses import another_machine, read_version, rows, write_version
from tests.command import Seedbed

QUIET = Reporter(quiet=True)
MIB = 2**20
KEY, SECRET = "AKIAPLANTED0000KEY", "planted/secret+of+forty+characters+00000"


class _Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:
        pass


class S3:
    """A server whose requests are noted.

    Attributes:
        requests: method, path and headers of each, since the test began.
        before: is called with the method and path of a request; where it says False, the connection is cut.
    """

    def __init__(self) -> None:
        self._apps = {service: create_backend_app(service) for service in ("s3", "iam")}
        self._server = make_server("127.0.0.1", 0, self._answer, threaded=True, request_handler=_Quiet)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self.client = self._client("s3")
        self.begin()

    def begin(self) -> None:
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        self.before: Callable[[str, str], bool] = lambda method, path: True

    @contextmanager
    def serving(self) -> Iterator["S3"]:
        thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            thread.join()
            self._server.server_close()
            self.client.close()

    def _answer(self, environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        headers = {name.removeprefix("HTTP_"): str(value) for name, value in environ.items()}
        self.requests.append((method, path, headers))
        if not self.before(method, path):
            environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
            raise ConnectionResetError
        signed_for_iam = "/iam/aws4_request" in headers.get("AUTHORIZATION", "")
        answer: Iterable[bytes] = self._apps["iam" if signed_for_iam else "s3"](environ, start)
        return answer

    def _client(self, service: str) -> Any:
        return boto3.client(
            service,  # type: ignore[call-overload, unused-ignore]
            endpoint_url=self.url,
            aws_access_key_id=KEY,
            aws_secret_access_key=SECRET,
            region_name="us-east-1",
        )

    def put(self, address: str, content: bytes) -> str:
        bucket, _, key = address.removeprefix("s3://").partition("/")
        self.client.put_object(Bucket=bucket, Key=key, Body=content)
        return address

    def files(self, address: str) -> dict[str, bytes]:
        """What is below an address, by name."""
        bucket, _, key = address.removeprefix("s3://").partition("/")
        listed = self.client.list_objects_v2(Bucket=bucket, Prefix=f"{key}/").get("Contents", [])
        keys = [entry["Key"] for entry in listed]
        bodies = (self.client.get_object(Bucket=bucket, Key=one)["Body"].read() for one in keys)
        return {one.removeprefix(f"{key}/"): body for one, body in zip(keys, bodies, strict=True)}

    def user(self, *actions: str) -> tuple[str, str]:
        """Key and secret of a user who may do this and nothing else."""
        iam = self._client("iam")
        name = uuid.uuid4().hex
        iam.create_user(UserName=name)
        allowed = [{"Effect": "Allow", "Action": action, "Resource": "*"} for action in actions]
        if actions:
            policy = json.dumps({"Version": "2012-10-17", "Statement": allowed})
            iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=policy)
        made = iam.create_access_key(UserName=name)["AccessKey"]
        iam.close()
        return made["AccessKeyId"], made["SecretAccessKey"]


@pytest.fixture(scope="module")
def server() -> Iterator[S3]:
    with S3().serving() as server:
        yield server


@pytest.fixture
def s3(server: S3, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> S3:
    """The server, as the environment names it."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setattr(s3fs.S3FileSystem, "retries", 2)  # it waits two seconds for the fifth
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
    sign_in(monkeypatch, (KEY, SECRET))
    monkeypatch.setenv("SEEDBED_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return server


def sign_in(monkeypatch: pytest.MonkeyPatch, user: tuple[str, str]) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", user[0])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", user[1])


@pytest.fixture
def bucket(s3: S3) -> str:
    name = f"b{uuid.uuid4().hex}"
    s3.client.create_bucket(Bucket=name)
    s3.begin()
    return f"s3://{name}"


@pytest.fixture
def seedbed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Seedbed:
    monkeypatch.chdir(tmp_path)
    return Seedbed(monkeypatch, capsys)


COMMAND = [sys.executable, "-W", "error", "-m", "builder"]


def test_commands_do_at_an_address_what_they_do_in_a_folder(
    s3: S3, bucket: str, seedbed: Seedbed, tmp_path: Path
) -> None:
    first, more = rows("bread", "glass", "paper", "silk", "bread"), rows("wool")
    for name, content in (("rows.jsonl", first), ("more.jsonl", more)):
        s3.put(f"{bucket}/{name}", content)
        (tmp_path / name).write_bytes(content)
    ours, folder = f"{bucket}/dataset", "dataset"

    made = subprocess.run(
        [*COMMAND, "curate", f"{bucket}/rows.jsonl", "--out", ours, "-q"], capture_output=True, text=True, timeout=120
    )
    assert (made.returncode, made.stderr) == (0, "")
    assert seedbed("curate", "rows.jsonl", "--out", folder, "-q").code == 0
    commands = [
        ["why", "{place}", "4"],
        ["add", "{place}", "{root}more.jsonl", "-q"],
        ["curate", "{place}", "--redecide", "--set", "filters.min_answer_words=6", "-q"],
        ["show", "{place}", "--kept"],
    ]
    for command in commands:
        there = seedbed(*(part.format(place=ours, root=f"{bucket}/") for part in command))
        here = seedbed(*(part.format(place=folder, root="") for part in command))
        assert there.code == here.code == 0, there.err
        # The report that can be opened is the copy's.
        assert re.sub(r"/\S+/dataset/report", "dataset/report", there.out.replace(ours, folder)) == here.out
    assert "4 of 4 rows shown" in here.out

    sent = s3.files(ours)
    published = sorted((tmp_path / folder / "publish").rglob("*"))
    for path in (path for path in published if path.is_file()):
        assert sent.pop(path.relative_to(tmp_path / folder).as_posix()) == path.read_bytes()
    assert not [name for name in sent if name.startswith(("publish/", ".push/"))]
    copy = tmp_path / "synced"
    for name, content in s3.files(ours).items():
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / name).write_bytes(content)
    assert list(DatasetFolder(copy).read_verdicts()) == list(DatasetFolder(tmp_path / folder).read_verdicts())
    assert DatasetFolder(copy).verify() == []


# What does not work


def trouble(seedbed: Seedbed, *command: str) -> str:
    """What a command that fails at an address says: one message, and no key."""
    done = seedbed(*command)
    assert done.code in (2, 5), done
    assert done.out == ""
    assert done.err.startswith("seedbed: s3://")
    assert done.err.count("seedbed: ") == 1
    for secret in (KEY, SECRET, os.environ.get("AWS_ACCESS_KEY_ID", KEY), os.environ.get("AWS_SECRET_ACCESS_KEY", KEY)):
        assert secret not in done.err
    return done.err


@pytest.fixture(params=["curate {0}/*.jsonl --out out -q", "curate rows.jsonl --out {0}/set -q"])
def command(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    (tmp_path / "rows.jsonl").write_bytes(rows("bread"))
    return str(request.param)


def test_without_credentials(
    s3: S3, bucket: str, seedbed: Seedbed, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    said = trouble(seedbed, *command.format(bucket).split())
    assert said.startswith(f"seedbed: {bucket}/")
    assert "there are none (NoCredentialsError: Unable to locate credentials)\n" in said
    assert "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY or AWS_PROFILE" in said


def test_with_a_wrong_secret_or_no_permission(
    s3: S3, bucket: str, seedbed: Seedbed, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    users = [s3.user(), (s3.user("s3:*")[0], SECRET)]
    with enable_iam_authentication():
        for user in users:
            sign_in(monkeypatch, user)
            said = trouble(seedbed, *command.format(bucket).split())
            assert said.startswith(f"seedbed: {bucket}/")
            assert ": the store refuses the credentials" in said
            assert "They must allow to list and read" in said


def test_who_may_only_read_loses_no_work(s3: S3, bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = s3.user("s3:GetObject", "s3:ListBucket")
    with monkeypatch.context() as signed_in, enable_iam_authentication():
        sign_in(signed_in, reader)
        with pytest.raises(
            EndpointError, match=r"refuses the credentials.*\(PermissionError: Access Denied\)"
        ) as error:
            write_version(f"{bucket}/set", 0)
    assert f"`seedbed report {bucket}/set` sends it." in error.value.remedy
    assert s3.files(f"{bucket}/set") == {}
    take_up(f"{bucket}/set")
    assert read_version(f"{bucket}/set") == 0


def test_a_bucket_that_is_not_there(s3: S3, seedbed: Seedbed, command: str) -> None:
    said = trouble(seedbed, *command.format("s3://no-such-bucket").split())
    assert re.match(r"seedbed: s3://no-such-bucket/\S+: there is no such bucket\n", said)
    assert "`aws s3 mb`" in said


def test_a_server_that_is_down(s3: S3, seedbed: Seedbed, command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
    said = trouble(seedbed, *command.format("s3://bucket").split())
    assert said.startswith("seedbed: s3://bucket/")
    assert ": the store does not work (EndpointConnectionError: Could not connect to the endpoint URL: " in said
    assert "Look at the network and, for s3://, at AWS_ENDPOINT_URL" in said


def test_a_profile_that_is_not_there(s3: S3, seedbed: Seedbed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "of-nobody")
    said = trouble(seedbed, "show", "s3://bucket/set")
    assert ": the store refuses the credentials, or there are none (ProfileNotFound: " in said


def test_a_missing_package_is_an_extra(seedbed: Seedbed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "s3fs", None)  # as if it were not installed
    assert seedbed("show", "s3a://bucket/set").err == (
        "seedbed: s3a://bucket/set: reading s3a:// needs s3fs\n  pip install 'seedbed[objects]'\n"
    )


# Cut uploads and writers beside each other


def puts_left(s3: S3, count: int, at_last: Callable[[], None] = lambda: None) -> None:
    """The server takes so many PUT requests; from the next one on every connection is cut."""
    left = count

    def before(method: str, path: str) -> bool:
        nonlocal left
        if method == "PUT":
            left -= 1
        if left < 0:
            at_last()
        return left >= 0

    s3.before = before


@pytest.mark.parametrize(("puts", "decided"), [(2, False), (6, True)])  # of three files, the decision and three copies
def test_a_server_that_goes_away_leaves_no_dataset_that_looks_finished(
    s3: S3, bucket: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, puts: int, decided: bool
) -> None:
    ours = f"{bucket}/set"
    puts_left(s3, puts)
    with pytest.raises(EndpointError, match="the store does not work") as error:
        write_version(ours, 0)
    assert f"`seedbed report {ours}` sends it." in error.value.remedy
    s3.begin()
    assert ("CONTENTS.json" in s3.files(ours), "MANIFEST.json" in s3.files(ours)) == (decided, False)
    with monkeypatch.context() as elsewhere:
        another_machine(elsewhere, tmp_path)
        if decided:
            assert read_version(ours) == 0
        else:
            with pytest.raises(InputFileError, match="no dataset is there"):
                read_version(ours)
    take_up(ours)
    assert "MANIFEST.json" in s3.files(ours)
    assert not [name for name in s3.files(ours) if name.startswith(".push/")]


def take_up(address: str) -> None:
    with working_copy(Address.parse(address), QUIET, use="change"):
        pass


def test_a_process_that_is_killed_while_it_sends_is_taken_up(s3: S3, bucket: str) -> None:
    code = "import sys; from tests.builder.test_addresses import write_version; write_version(sys.argv[1], 0)"
    ours = f"{bucket}/set"
    process = subprocess.Popen([sys.executable, "-c", code, ours], cwd=Path(__file__).parents[2])
    s3.before = lambda method, path: (method, path.rpartition("/")[2]) != ("PUT", "MANIFEST.json") or kill(process)
    assert process.wait(timeout=120) == -signal.SIGKILL
    s3.begin()
    assert {"CONTENTS.json", "seedbed.yaml", "report.html"} <= s3.files(ours).keys()
    assert "MANIFEST.json" not in s3.files(ours)
    assert read_version(ours) == 0
    assert "MANIFEST.json" in s3.files(ours)


def kill(process: subprocess.Popen[bytes]) -> bool:
    process.kill()
    process.wait()
    return False


def test_two_who_write_in_the_same_moment_are_told_apart(
    bucket: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    address, write, waiting = f"{bucket}/set", Store.write, True
    write_version(address, 0)

    def after_the_other(self: Store, name: str, content: bytes, *, over: str | None) -> bool:
        nonlocal waiting
        if waiting:
            waiting = False
            with monkeypatch.context() as elsewhere:
                another_machine(elsewhere, tmp_path)
                write_version(address, 1)
        return write(self, name, content, over=over)

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(Store, "write", after_the_other)
        with pytest.raises(UsageError, match="somebody else has written there"):
            write_version(address, 2)
    another_machine(monkeypatch, tmp_path, "third")
    assert read_version(address) == 1


def test_a_decision_whose_answer_was_lost_is_not_taken_for_somebody_elses(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = Store.write

    def twice(self: Store, name: str, content: bytes, *, over: str | None) -> bool:
        return write(self, name, content, over=over) and write(self, name, content, over=over)

    monkeypatch.setattr(Store, "write", twice)
    write_version(f"{bucket}/set", 0)
    assert read_version(f"{bucket}/set") == 0


# Large files


def test_large_files_move_in_blocks_and_not_in_one_piece(s3: S3, bucket: str, tmp_path: Path) -> None:
    content = os.urandom(MIB) * 40
    (tmp_path / "large").write_bytes(content)
    store = Store(Address.parse(f"{bucket}/large"))
    store.put(tmp_path / "large")
    parts = [int(headers["CONTENT_LENGTH"]) for method, _, headers in s3.requests if method == "PUT"]
    assert sorted(parts) == [8 * MIB, 16 * MIB, 16 * MIB]
    blocks: list[int] = []
    store.fetch("", tmp_path / "back", blocks.append)
    assert blocks == [16 * MIB, 16 * MIB, 8 * MIB]
    assert sum(method == "GET" for method, _, _ in s3.requests) == 3
    assert (tmp_path / "back").read_bytes() == content


def test_half_a_large_file_is_never_there(s3: S3, bucket: str, tmp_path: Path) -> None:
    with (tmp_path / "large").open("wb") as file:
        file.truncate(40 * MIB)
    puts_left(s3, 2)
    with pytest.raises(EndpointError, match="the store does not work"):
        Store(Address.parse(f"{bucket}/dir/large")).put(tmp_path / "large")
    s3.begin()
    assert s3.files(f"{bucket}/dir") == {}


def test_a_file_that_changes_while_it_is_read_is_not_half_of_each(s3: S3, bucket: str, tmp_path: Path) -> None:
    address = s3.put(f"{bucket}/large", bytes(20 * MIB))

    def replace(_: int) -> None:
        s3.put(address, b"1" * 20 * MIB)

    with pytest.raises(InputFileError, match="it changed while it was read"):
        Store(Address.parse(address)).fetch("", tmp_path / "back", replace)


def test_a_small_file_that_changes_meanwhile_is_read_as_it_is_then(s3: S3, bucket: str) -> None:
    address = s3.put(f"{bucket}/set/CONTENTS.json", b"{}")

    def before(method: str, path: str) -> bool:
        if method == "GET":
            s3.before = lambda method, path: True
            s3.put(address, b"[]")
        return True

    s3.before = before
    assert Store(Address.parse(f"{bucket}/set")).read("CONTENTS.json", MIB) == b"[]"


# What other tools leave


def test_folders_that_other_tools_mark_are_no_files(s3: S3, bucket: str) -> None:
    for name in ("set/", "in/", "in/deep/"):
        s3.put(f"{bucket}/{name}", b"")
    s3.put(f"{bucket}/in/what?.jsonl", rows("bread"))
    with local_files([f"{bucket}/in/*"], QUIET) as paths:
        assert [path.name for path in paths] == ["what?.jsonl"]
    write_version(f"{bucket}/set", 0)
    assert read_version(f"{bucket}/set") == 0
