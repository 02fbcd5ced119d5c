"""Models that mean harm, or merely go wrong: each costs one run and gets one clear sentence, and the node goes on."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from node.base.errors import HansaError, InvalidInput, LocalFault, Overloaded, TooLarge
from node.cage.cage import Cage
from node.cage.model import Limits
from node.scenarios.errors import ModelFailed
from node.scenarios.model import Model, Parameter, Port
from node.scenarios.models.code import MODEL, MOST_CODE, READING, describe_code, run_code
from tests.fork_servers import fork_server_pid
from tests.unit.cage.test_cage import children, until

LIMITS = Limits(memory=512 << 20, cpu=10, wall=20.0, answer=2 << 20)
SHORT = Limits(memory=512 << 20, cpu=10, wall=0.7, answer=2 << 20)

HEAD = """\
from __future__ import annotations

from typing import Annotated, TypedDict

from node.sdk import Decimals, Range, Unit, caveat, model, progress


class Row(TypedDict):
    id: str
    value: Annotated[float, Unit("m"), Decimals(1), Range(0, 100)]


@model(version="1.0.0", output="rows")
def good(given: list[Row], factor: Annotated[float, Unit("1"), Range(0, 9)] = 2.0) -> list[Row]:
"""
BODY = 'return [{"id": row["id"], "value": row["value"] * factor} for row in given]'
FIRST = HEAD.count("\n") + 1
"""The line on which a body begins."""


def code(*lines: str, after: tuple[str, ...] = ()) -> bytes:
    """A model whose function does ``lines``, and a module that does ``after``."""
    return (HEAD + "".join(f"    {line}\n" for line in lines) + "".join(f"{line}\n" for line in after)).encode()


TWICE = ("second = type(good)(good.__code__, globals(), 'second')", "model(version='2.0')(second)")

CARD = Model(
    iri="https://gent.example/models/good",
    version=1,
    origin="did:web:gent.example",
    titles={"en": "Good"},
    inputs=(Port(role="given"),),
    outputs=(Port(role="rows"),),
    parameters=(Parameter(name="factor", unit="1", default=2.0, minimum=0, maximum=9),),
)
ROWS = [{"id": "a", "value": 1.26, "secret": "x"}, {"id": "b", "value": 20}]


@pytest.fixture
async def cage() -> AsyncIterator[Cage]:
    cage = Cage()
    await cage.start()
    yield cage
    await cage.stop()


async def run(cage: Cage, source: bytes, limits: Limits = LIMITS, **more: Any) -> Any:
    return await run_code(cage, source, CARD, {"given": ROWS}, {}, limits=limits, **more)


async def still_fine(cage: Cage, fork_server: int | None) -> None:
    """The same fork server serves the next run, and no child is left."""
    ran = await run(cage, code(BODY))
    assert list(ran.outcome.outputs["rows"]) == [{"id": "a", "value": 2.5}, {"id": "b", "value": 40.0}]
    assert fork_server_pid() == fork_server
    await until(lambda: children(fork_server or 0) == [])


async def test_a_good_model_runs(cage: Cage) -> None:
    ran = await run(cage, code("print('hello')", BODY))
    assert list(ran.outcome.outputs["rows"]) == [{"id": "a", "value": 2.5}, {"id": "b", "value": 40.0}]
    assert ran.log == ("hello",)
    assert ran.outcome.caveats == ()
    assert ran.memory > 1 << 20
    given = [{"id": "a", "value": 101.0}]
    ran = await run_code(cage, code(BODY), CARD, {"given": given}, {"factor": 1.0}, limits=LIMITS)
    assert [one.code for one in ran.outcome.caveats] == ["outside-validity"]


HARM = {
    "memory": ("x = bytearray(1 << 30)", Overloaded, "more than 512 MB of memory"),
    "memory, little by little": ("x = [bytearray(1 << 24) for _ in range(100)]", Overloaded, "512 MB of memory"),
    "deep recursion": ("f = lambda: f(); f()", Overloaded, "calls itself too deeply"),
    "recursion in C": (
        "x = []; [x := [x] for _ in range(10**6)]; return [{'id': repr(x), 'value': 1}]",
        Overloaded,
        "calls itself too deeply",
    ),
    "fork": ("import os; os.fork()", ModelFailed, "PermissionError"),
    "a program": ("import subprocess; subprocess.run(['/bin/true'])", ModelFailed, "PermissionError"),
    "exec": ("import os; os.execv('/bin/true', ['true'])", ModelFailed, "PermissionError"),
    "multiprocessing": (
        "import multiprocessing as m; m.Process(target=print).start()",
        ModelFailed,
        "PermissionError",
    ),
    "network": ("import socket; socket.create_connection(('127.0.0.1', 1))", ModelFailed, "PermissionError"),
    "a name on the network": ("import urllib.request as u; u.urlopen('http://localhost')", ModelFailed, "URLError"),
    "reading a file": ("open('/etc/passwd').read()", ModelFailed, "No such file or directory"),
    "reading our memory": ("import os; open(f'/proc/{os.getppid()}/mem', 'rb')", ModelFailed, "No such file"),
    "reading our environment": ("import os; open(f'/proc/{os.getppid()}/environ')", ModelFailed, "No such file"),
    "listing": ("import os; os.listdir('/')", ModelFailed, "PermissionError"),
    "writing a file": ("open('/tmp/hansa-was-here', 'w').write('x')", ModelFailed, "PermissionError"),
    "a temporary file": ("import tempfile; tempfile.TemporaryFile()", ModelFailed, "No usable temporary directory"),
    "killing the fork server": ("import os; os.kill(os.getppid(), 9)", ModelFailed, "PermissionError"),
    "killing a group": ("import os; os.killpg(0, 9)", ModelFailed, "PermissionError"),
    "tracing": (
        "import ctypes, os; c = ctypes.CDLL(None, use_errno=True); "
        "assert c.ptrace(16, os.getppid(), 0, 0) != -1, 'refused'",
        ModelFailed,
        "refused",
    ),
    "segmentation fault": ("import ctypes; ctypes.string_at(8)", Overloaded, "failed: it needs"),
    "abort": ("import os; os.abort()", Overloaded, "failed: it needs"),
    "sys.exit": ("import sys; sys.exit(0)", ModelFailed, "the model ended itself"),
    "os._exit": ("import os; os._exit(0)", ModelFailed, r"ended its process \(status 0\)"),
    "os._exit with a status": ("import os; os._exit(9)", ModelFailed, r"ended its process \(status 9\)"),
    "killing itself": ("import os; os.kill(os.getpid(), 9)", Overloaded, "ran short of memory"),
    "an interrupt": ("raise KeyboardInterrupt", ModelFailed, "KeyboardInterrupt"),
    "an exception": ("raise ValueError('no streets at all')", ModelFailed, "ValueError: no streets at all"),
    "a mistake": ("return 1 / 0", ModelFailed, "ZeroDivisionError: division by zero"),
    "an exception that cannot be told": (
        "raise type('E', (Exception,), {'__str__': lambda self: 1 / 0})",
        ModelFailed,
        "line",
    ),
    "an endless sentence": ("raise ValueError('x' * 10**7)", ModelFailed, "xxx"),
    "one of our errors": (
        "from node.base.errors import LocalFault; raise LocalFault('the node is broken')",
        ModelFailed,
        "LocalFault: the node is broken",
    ),
    "huge output": ("return [{'id': str(n), 'value': 1.0} for n in range(10**5)]", Overloaded, "larger than 2 MB"),
    "one huge value": ("return [{'id': 'x' * (8 << 20), 'value': 1.0}]", Overloaded, "larger than 2 MB"),
    "no rows": ("return None", ModelFailed, "rows is not a list of rows"),
    "not a number": ("return [{'id': 'a', 'value': float('nan')}]", ModelFailed, "is nan"),
    "other columns": ("return [{'id': 'a', 'value': 1.0, 'more': 2}]", ModelFailed, "more"),
    "a missing library": ("import no_such_library", ModelFailed, "No module named 'no_such_library'"),
    "junk on the socket": (
        "import os; os.write(3, b'x' * 100); __import__('time').sleep(9)",
        ModelFailed,
        "other than rows",
    ),
    "a forged answer": (
        "import os, struct, json; b = json.dumps({'value': {'roles': ['rows']}, 'bars': ['seccomp']}).encode(); "
        "os.write(3, struct.pack('!4sII', b'says', len(b), 0) + b)",
        ModelFailed,
        "other than rows",
    ),
    "a forged fault": (
        "import os, struct, json; b = json.dumps({'fault': {'code': 'unauthenticated', 'detail': 'x', 'remedy': '', "
        "'facts': {}}}).encode(); os.write(3, struct.pack('!4sII', b'says', len(b), 0) + b)",
        ModelFailed,
        "other than rows",
    ),
    "a forged fault of ours": (
        "import os, struct, json; b = json.dumps({'fault': {'code': 'internal', 'detail': 'the disk is full', "
        "'remedy': '', 'facts': {}}}).encode(); os.write(3, struct.pack('!4sII', b'says', len(b), 0) + b)",
        ModelFailed,
        "other than rows",
    ),
    "a forged end of the process": (
        "import os, struct; os.write(3, struct.pack('!4sI', b'died', 9)); os._exit(0)",
        ModelFailed,
        "other than rows",
    ),
    "a flood on the socket": (
        "import os, struct; f = struct.pack('!4sII', b'tell', 2, 0) + b'{}'; [os.write(3, f) for _ in range(5000)]",
        Overloaded,
        "reported its progress too often",
    ),
}


@pytest.mark.parametrize("harm", HARM)
async def test_harm_costs_one_run_and_is_told_in_a_sentence(cage: Cage, harm: str) -> None:
    line, kind, words = HARM[harm]
    fork_server = fork_server_pid()
    with pytest.raises(kind, match=words) as caught:
        await run(cage, code(*line.split("\n"), BODY))
    fault = caught.value
    assert len(fault.detail) <= 500
    assert fault.detail.startswith(("good.py", "the outputs of good.py"))
    assert fault.remedy
    assert "Traceback" not in fault.detail
    assert "/node/" not in f"{fault.detail}{fault.facts}"
    if isinstance(fault, ModelFailed) and "line" in fault.facts:
        assert fault.facts["line"] == FIRST
        assert f"good.py, line {FIRST}" in fault.detail
    await still_fine(cage, fork_server)


async def test_what_a_model_forges_is_no_failure_of_ours(cage: Cage, caplog: pytest.LogCaptureFixture) -> None:
    line, kind, words = HARM["a forged fault of ours"]
    with pytest.raises(kind, match=words):
        await run(cage, code(line, BODY))
    assert [entry for entry in caplog.records if entry.levelname in ("WARNING", "ERROR")] == []


@pytest.mark.parametrize("moment", ["at import", "in the function", "in threads"])
async def test_an_endless_loop_is_stopped_by_the_clock(cage: Cage, moment: str) -> None:
    source = {
        "at import": b"while True:\n    pass\n",
        "in the function": code("while True: pass"),
        "in threads": code(
            "import threading",
            "def spin():",
            "    while True: pass",
            "for _ in range(4): threading.Thread(target=spin).start()",
            "threading.Event().wait()",
        ),
    }[moment]
    fork_server = fork_server_pid()
    with pytest.raises(Overloaded, match=r"good.py was stopped after 0\.7 seconds") as caught:
        await run(cage, source, SHORT)
    assert caught.value.facts["limit"] == "time"
    await still_fine(cage, fork_server)


async def test_processor_time_of_all_threads_counts(cage: Cage) -> None:
    with pytest.raises(Overloaded, match="1 seconds of processor time") as caught:
        await run(cage, code("while True: pass"), Limits(memory=512 << 20, cpu=1, wall=20.0))
    assert caught.value.facts["limit"] == "processor"


async def test_threads_without_end_meet_the_limit_of_memory(cage: Cage) -> None:
    fork_server = fork_server_pid()
    with pytest.raises((ModelFailed, Overloaded)):
        await run(
            cage,
            code("import threading, time", "while True: threading.Thread(target=time.sleep, args=(60,)).start()"),
        )
    await still_fine(cage, fork_server)


async def test_a_thread_that_goes_on_does_not_hold_up_the_answer(cage: Cage) -> None:
    fork_server = fork_server_pid()
    ran = await run(
        cage, code("import threading, time", "threading.Thread(target=time.sleep, args=(60,)).start()", BODY)
    )
    assert len(ran.outcome.outputs["rows"]) == 2
    await still_fine(cage, fork_server)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (b"def broken(:\n", r"good.py, line 1: SyntaxError"),
        (b"\x00\xff", "good.py"),
        (b"import os\nos.fork()\n", "good.py, line 2: PermissionError"),
        (b"raise SystemExit\n", "the model ended itself"),
        (b"", "no function is marked as the model"),
        (code(BODY).replace(b'Unit("m"), ', b""), "column value of input given is a number without unit"),
        (code(BODY, after=TWICE), "several functions are marked as the model: good, second"),
    ],
)
async def test_code_that_is_no_model_is_told_to_its_author(cage: Cage, source: bytes, words: str) -> None:
    with pytest.raises(ModelFailed, match=words):
        await run(cage, source)
    with pytest.raises(InvalidInput, match=words):
        await describe_code(cage, source, "good.py")


async def test_describing_is_bounded_too(cage: Cage) -> None:
    assert READING.wall < MODEL.wall
    with pytest.raises(TooLarge, match="1024"):
        await describe_code(cage, b"#" * (MOST_CODE + 1), "good.py")
    with pytest.raises(Overloaded, match="memory"):
        await describe_code(cage, b"x = bytearray(1 << 30)\n", "good.py")
    assert (await describe_code(cage, code(BODY), "good.py"))["name"] == "good"


async def test_printing_without_end_keeps_the_first_lines(cage: Cage) -> None:
    ran = await run(
        cage,
        code(
            "import sys",
            "for n in range(100_000): print(n, 'x' * 1000)",
            "sys.stderr.write('y' * (1 << 24))",
            "import os; os.write(1, b'z' * 1000)",
            BODY,
        ),
    )
    assert len(ran.log) == 200
    assert ran.log[0].startswith("0 xxx")
    assert max(map(len, ran.log)) <= 300


async def test_progress_is_heard_and_a_flood_of_it_is_thinned(cage: Cage) -> None:
    heard: list[tuple[int, str]] = []
    ran = await run(
        cage,
        code("for n in range(100_000): progress(n / 1000, f'step {n}')", BODY),
        on_progress=lambda percent, text: heard.append((percent, text)),
    )
    assert heard[0] == (0, "step 0")
    assert 20 <= len(heard) <= 1000
    assert len(ran.log) == 200


async def test_a_listener_may_stop_the_model(cage: Cage) -> None:
    fork_server = fork_server_pid()

    def enough(percent: int, text: str) -> None:
        raise KeyError("dismissed")

    with pytest.raises(KeyError, match="dismissed"):
        await run(cage, code("progress(1)", "while True: pass"), on_progress=enough)
    await still_fine(cage, fork_server)


async def test_cancelling_the_run_ends_the_child_at_once(cage: Cage) -> None:
    fork_server = fork_server_pid() or 0
    heard = asyncio.Event()
    running = asyncio.create_task(
        run(cage, code("progress(1)", "while True: pass"), MODEL, on_progress=lambda *_: heard.set())
    )
    await asyncio.wait_for(heard.wait(), 10)
    assert len(children(fork_server)) == 1
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await until(lambda: children(fork_server) == [])
    await still_fine(cage, fork_server)


async def test_a_model_reaches_nobody_and_leaves_nothing(cage: Cage, tmp_path: Path) -> None:
    secret = tmp_path / "key"
    secret.write_text("swordfish")
    hits: list[Any] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def listen() -> None:
            try:
                hits.append(listener.accept())
            except OSError:
                return

        thread = threading.Thread(target=listen, daemon=True)
        thread.start()
        deeds = (
            f"open({str(secret)!r}).read()",
            f"open({str(tmp_path / 'new')!r}, 'w')",
            f"os.unlink({str(secret)!r})",
            f"socket.create_connection(('127.0.0.1', {listener.getsockname()[1]}), 1)",
            f"os.kill({os.getpid()}, 15)",
        )
        lines = ["import os, socket", "done = []"]
        for number, deed in enumerate(deeds):
            lines += ["try:", f"    {deed}", f"    done.append({number})", "except OSError: pass"]
        ran = await run(cage, code(*lines, "return [{'id': str(done), 'value': 1}]"))
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
    assert ran.outcome.outputs["rows"][0]["id"] == "[]"
    assert hits == []
    assert [path.name for path in tmp_path.iterdir()] == ["key"]


async def test_a_model_is_told_nothing_of_the_node(cage: Cage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HANSA_TOKEN", "swordfish")
    fresh = Cage()
    try:
        ran = await run(
            fresh,
            code(
                "import os, json, sys",
                "seen = {'env': dict(os.environ), 'argv': sys.argv, 'row': given[0]}",
                "return [{'id': json.dumps(seen), 'value': 1}]",
            ),
        )
    finally:
        await fresh.stop()
    seen = json.loads(ran.outcome.outputs["rows"][0]["id"])
    assert "swordfish" not in json.dumps(seen)
    assert seen["row"] == {"id": "a", "value": 1.26}, "columns that are not declared stay outside"
    assert seen["env"]["OPENBLAS_NUM_THREADS"] == "1"


@pytest.mark.parametrize(
    ("inputs", "parameters", "words"),
    [
        ({}, {}, "good needs given"),
        ({"given": ROWS, "other": []}, {}, "good has no input other"),
        ({"given": [{"id": "a"}]}, {}, "row 1 of given has no value"),
        ({"given": [{"id": "a", "value": "far"}]}, {}, "value in row 1 of given is 'far', not a number"),
        ({"given": ROWS}, {"speed": 1}, "good has no parameter speed"),
        ({"given": ROWS}, {"factor": 10}, "parameter factor is 10, outside its range"),
        ({"given": ROWS}, {"factor": float("nan")}, "parameter factor is nan"),
        ({"given": ROWS}, {"factor": "much"}, "parameter factor is 'much', not a number"),
        ({"given": [{"id": "a", "value": float("inf")}]}, {}, "given does not consist of rows of JSON values"),
        ({"given": [{"id": "a", "value": object()}]}, {}, "given does not consist of rows of JSON values"),
    ],
)
async def test_what_does_not_fit_is_the_callers_to_mend(
    cage: Cage, inputs: Any, parameters: dict[str, Any], words: str
) -> None:
    with pytest.raises(InvalidInput, match=words):
        await run_code(cage, code(BODY), CARD, inputs, parameters, limits=LIMITS)


class Liar:
    """A cage whose child answers what it likes."""

    def __init__(self, answer: Any, blobs: list[bytes] | None = None) -> None:
        self._answer = answer
        self._blobs = blobs or []

    async def call(self, *_: Any, **__: Any) -> tuple[dict[str, Any], list[bytes]]:
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer, self._blobs


FACTS: dict[str, Any] = {"roles": ["rows"], "caveats": [], "log": [], "seconds": 0.1, "memory": 1}


@pytest.mark.parametrize(
    ("answer", "blobs"),
    [
        ({}, []),
        (FACTS, []),
        (FACTS, [b"{}"]),
        (FACTS, [b"[1]"]),
        (FACTS, [b"nonsense"]),
        (FACTS, [b'[{"value": NaN}]']),
        (FACTS, [b'[{"value": -Infinity}]']),
        (FACTS, [b"[" * 100_000]),
        ({**FACTS, "roles": ["levels"]}, [b"[]"]),
        ({**FACTS, "roles": ["rows", "rows"]}, [b"[]", b"[]"]),
        ({**FACTS, "roles": 5}, [b"[]"]),
        ({**FACTS, "roles": [["rows"]]}, [b"[]"]),
        ({**FACTS, "caveats": 5}, [b"[]"]),
        ({**FACTS, "caveats": [{"code": "x"}]}, [b"[]"]),
        ({**FACTS, "seconds": "long"}, [b"[]"]),
        ({**FACTS, "roles": []}, []),
    ],
)
async def test_an_answer_that_was_made_up_is_the_models_failure(answer: Any, blobs: list[bytes]) -> None:
    with pytest.raises(ModelFailed):
        await run_code(Liar(answer, blobs), b"", CARD, {"given": []}, {})


async def test_more_values_than_fit_into_memory_are_not_read() -> None:
    with pytest.raises(Overloaded, match="more than 4000000 values"):
        await run_code(Liar(FACTS, [b"[" + b"{}," * 2_000_001 + b"{}]"]), b"", CARD, {"given": []}, {})


async def test_what_goes_with_an_answer_is_bounded() -> None:
    said = {"code": "c" * 500, "sentence": "s" * 5000, "facts": {"x": "y" * 50_000}}
    answer = {**FACTS, "caveats": [said] * 1000, "log": ["x" * 5000] * 1000}
    ran = await run_code(Liar(answer, [b"[]"]), b"", CARD, {"given": []}, {})
    assert len(ran.outcome.caveats) <= 200
    assert len(ran.outcome.caveats[0].sentence) <= 400
    assert ran.outcome.caveats[0].facts == {}
    assert len(ran.log) <= 200
    assert len(ran.log[0]) <= 400


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (LocalFault("the cage is closed"), LocalFault),
        (Overloaded("this node works on 2 of these at the same time", facts={"limit": "queue"}), Overloaded),
        (InvalidInput("x" * 9999), InvalidInput),
        (HansaError("odd"), ModelFailed),
    ],
)
async def test_faults_of_the_cage_are_told_as_what_they_are(fault: HansaError, kind: type[HansaError]) -> None:
    with pytest.raises(kind) as caught:
        await run_code(Liar(fault), b"", CARD, {"given": []}, {})
    assert len(caught.value.detail) <= 400
