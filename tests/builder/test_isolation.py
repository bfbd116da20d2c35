"""A process that dies of a request takes nobody with it, and the next request gets a new one."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from builder.foreign.isolation import Apart, Died

MODULE = """
import os
import signal
from builder.foreign.isolation import serve

def answer(request):
    print("what a library prints is no answer")
    match request["do"]:
        case "die":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "leave":
            os._exit(3)
        case "fill":
            bytearray(2**30)
        case "turn":
            while True:
                pass
    return {"said": request["do"], "process": os.getpid()}

serve(answer)
"""
ROOM = {"memory": 2**27, "seconds": 60}


@pytest.fixture
def apart(tmp_path: Path) -> Iterator[Apart]:
    (tmp_path / "foreign.py").write_text(MODULE, encoding="utf-8")
    other = Apart(tmp_path / "foreign.py")
    yield other
    other.close()


def test_what_ends_it_is_told_and_the_next_request_is_answered(apart: Apart) -> None:
    first = apart.ask({"do": "read 河.pdf"}, **ROOM)
    assert isinstance(first, dict)
    assert first["said"] == "read 河.pdf"
    assert apart.ask({"do": "fill"}, **ROOM) == Died("memory")
    assert apart.ask({"do": "x"}, **ROOM) == {"said": "x", "process": first["process"]}
    assert apart.ask({"do": "die"}, **ROOM) == Died("SIGSEGV")
    assert apart.ask({"do": "leave"}, **ROOM) == Died("exit code 3")
    assert apart.ask({"do": "turn"}, memory=2**27, seconds=1) == Died("time")
    last = apart.ask({"do": "y"}, **ROOM)
    assert isinstance(last, dict)
    assert last["process"] != first["process"]


def test_an_answer_that_nobody_waits_for_is_not_taken_for_the_next(
    apart: Apart, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert apart.ask({"do": "a"}, **ROOM)

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupted)
    signal.setitimer(signal.ITIMER_REAL, 0.3)
    try:
        with pytest.raises(KeyboardInterrupt):
            apart.ask({"do": "turn"}, **ROOM)
    finally:
        signal.signal(signal.SIGALRM, before)
    answer = apart.ask({"do": "b"}, **ROOM)
    assert isinstance(answer, dict)
    assert answer["said"] == "b"


ASKING = """
import signal
import sys
from pathlib import Path

from builder.foreign.isolation import Apart

signal.siginterrupt(signal.SIGINT, False)  # as Polars has it: a read goes on after Ctrl-C
apart = Apart(Path(sys.argv[1]))
print(apart.ask({"do": "x"}, memory=2**27, seconds=60)["process"], flush=True)
apart.ask({"do": "turn"}, memory=2**27, seconds=60)
"""


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGKILL])
def test_it_ends_with_the_process_that_asked(tmp_path: Path, sent: signal.Signals) -> None:
    (tmp_path / "foreign.py").write_text(MODULE, encoding="utf-8")
    command = [sys.executable, "-c", ASKING, str(tmp_path / "foreign.py")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as asking:
        assert asking.stdout is not None
        other = Path("/proc", asking.stdout.readline().strip())
        time.sleep(0.1)  # it is asked again, and waits
        asking.send_signal(sent)
        try:
            assert asking.wait(5) == -sent
            for _ in range(500):
                if not other.exists():
                    return
                time.sleep(0.02)
            os.kill(int(other.name), signal.SIGKILL)
            pytest.fail("it goes on")
        finally:
            asking.kill()
