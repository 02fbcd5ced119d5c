"""The command line as a stranger meets it: a process each time, with words, JSON, exit statuses and no traceback.

Two nodes run in processes of their own, as ``hansa serve`` runs them; what is typed is what the tutorial says.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest

from demo.nodes import free_ports
from node import __version__
from node.cli.diagnosis import WORTH_KEEPING
from node.cli.exits import DONE, FAILED, INTERRUPTED, REFUSED, UNREACHABLE, USAGE, WAITING
from node.cli.main import run
from node.client import HansaClient, locate
from tests.nodes import until
from tests.postgres import fresh_schema

ANSI = re.compile(r"\x1b\[")
GOOD = """\
kind: dataset
id: bicycle-counters
title: Bicycle counters, hourly
description: Bicycles that pass each counter, every hour. Made up for a test.
contact: {name: Mobility department, email: mobility@example.org}
theme: TRAN
keywords: [bicycle, counting]
frequency: hourly
license: CC-BY-4.0
files:
  - path: counters.csv
conditions: open
"""
ASKS = """\
@prefix dcat: <http://www.w3.org/ns/dcat#> .
@prefix dct: <http://purl.org/dc/terms/> .
@prefix foaf: <http://xmlns.com/foaf/0.1/> .
@prefix odrl: <http://www.w3.org/ns/odrl/2/> .
@prefix vcard: <http://www.w3.org/2006/vcard/ns#> .
<BASE/datasets/asks-first> a dcat:Dataset ;
  dct:title "Counters with questions"@en ;
  dct:description "Bicycles that pass each counter; somebody decides about each use."@en ;
  dct:license <http://publications.europa.eu/resource/authority/licence/CC_BY_4_0> ;
  dcat:contactPoint [ a vcard:Kind ; vcard:fn "Mobility" ; vcard:hasEmail <mailto:mobility@example.org> ] ;
  odrl:hasPolicy [ a odrl:Offer ;
    odrl:permission [ odrl:action odrl:use ; odrl:duty [ odrl:action odrl:obtainConsent ] ] ] .
"""
MISTAKES = """\
kind: dataset
id: with-mistakes
title: Bicycle counters
description: With typical mistakes.
contact: {name: Mobility department, email: mobility at example}
theme: traffic
files:
  - path: counters.csv
conditions: open
"""


@dataclass
class Ran:
    """A command that has ended."""

    status: int
    out: str
    err: str

    @property
    def output(self) -> str:
        return self.out + self.err

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class Terminal:
    """Somebody's terminal, in a folder with two nodes' data folders in it."""

    home: Path
    urls: dict[str, str] = field(default_factory=dict)
    served: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def hansa(self, *words: str, cwd: Path | None = None, typed: str | None = None, **environment: str) -> Ran:
        """Run a command to its end. Whatever happens, nobody is shown a traceback."""
        done = subprocess.run(
            [sys.executable, "-m", "node.cli", *words],
            capture_output=True,
            text=True,
            encoding="utf-8",
            cwd=cwd or self.home,
            env={**_plain_environment(), **environment},
            input=typed or "",
            timeout=120,
            check=False,
        )
        ran = Ran(done.returncode, done.stdout, done.stderr)
        assert "Traceback" not in ran.output, ran.output
        assert not ANSI.search(ran.output), "no colour: this is no terminal"
        return ran

    def serve(self, name: str, *options: str) -> None:
        self._begin(name, "serve", name, *options)
        until(f"{name} is ready", lambda: self._ready(name), seconds=60)

    def work(self, name: str) -> None:
        self._begin("worker", "worker", name)

    def _begin(self, key: str, *words: str) -> None:
        with (self.home / f"{key}.log").open("ab") as log:
            self.served[key] = subprocess.Popen(
                [sys.executable, "-m", "node.cli", *words],
                cwd=self.home,
                env={**_plain_environment(), "HANSA_LOG_LEVEL": "debug"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def _ready(self, name: str) -> bool:
        assert self.served[name].poll() is None, (self.home / f"{name}.log").read_text()
        try:
            return httpx2.get(f"{self.urls[name]}/ready", timeout=2).status_code == 200
        except httpx2.HTTPError:
            return False

    def stop(self, name: str) -> int:
        process = self.served.pop(name)
        process.send_signal(signal.SIGTERM)
        return process.wait(20)


def _plain_environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HANSA_")}
    root = str(Path(__file__).resolve().parents[2])
    return {**kept, "PYTHONPATH": root, "NO_COLOR": "1", "COLUMNS": "100"}


@pytest.fixture(scope="module")
def terminal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    """Two nodes, made and served by commands: ghent with one open dataset, bruges with none."""
    opened = Terminal(tmp_path_factory.mktemp("terminal"))
    try:
        for name, port in zip(("ghent", "bruges"), free_ports(2), strict=True):
            opened.urls[name] = f"http://127.0.0.1:{port}"
            init = opened.hansa("init", name, "--name", f"City of {name.capitalize()}", "--port", str(port))
            assert init.status == DONE, init.output
            assert "password" in init.out
            assert f"hansa serve {name}" in init.out
            opened.serve(name)
        (opened.home / "counters.csv").write_text("hour,count\n2026-01-01T00,12\n", "utf-8")
        (opened.home / "counters.yaml").write_text(GOOD, "utf-8")
        (opened.home / "mistakes.yaml").write_text(MISTAKES, "utf-8")
        published = opened.hansa("publish", "counters.yaml", "--node", "ghent")
        assert published.status == DONE, published.output
        yield opened
        assert [opened.stop(name) for name in list(opened.served)] == [0, 0], "SIGTERM ends a node well"
        for name in opened.urls:
            log = (opened.home / f"{name}.log").read_text("utf-8")
            token = (opened.home / name / "token").read_text().strip()
            assert "Traceback" not in log, log[-3000:]
            assert token not in log
    finally:
        for process in opened.served.values():
            process.kill()
            process.wait()


@pytest.fixture
def iri(terminal: Terminal) -> str:
    return f"{terminal.urls['ghent']}/datasets/bicycle-counters"


# ---- being told -----------------------------------------------------------------------------------------------

VERBS = [
    "init",
    "serve",
    "worker",
    "publish",
    "withdraw",
    "erase",
    "find",
    "show",
    "diff",
    "sparql",
    "get",
    "agreement",
    "join",
    "decide",
    "revoke",
    "members",
    "follow",
    "user",
    "verify",
    "backup",
    "restore",
    "doctor",
    "demo",
]


def test_help_lists_every_verb_and_version_tells_the_version(terminal: Terminal) -> None:
    told = terminal.hansa("--help")
    assert told.status == DONE
    assert [verb for verb in VERBS if not re.search(rf"^\W*{verb}\b", told.out, re.MULTILINE)] == []
    assert terminal.hansa("--version").out.strip() == f"hansa {__version__}"
    assert "Usage" in terminal.hansa().output


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_explains_itself(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([verb, "--help"]) == DONE
    told = capsys.readouterr().out
    assert "Usage: hansa" in told
    assert len(told.split()) > 20


@pytest.mark.parametrize(
    "words",
    ["fly", "find --nonsense", "init", "publish", "get", "find --limit 0", "find --limit many"],
)
def test_wrong_usage_is_two(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(words.split()) == USAGE
    assert capsys.readouterr().err


# ---- a node that is not there, or in the way ------------------------------------------------------------------


def test_where_there_is_no_node(terminal: Terminal, tmp_path: Path) -> None:
    for words in (("find",), ("decide",), ("verify",), ("doctor",), ("find", "--node", "nowhere")):
        told = terminal.hansa(*words, cwd=tmp_path)
        assert told.status == REFUSED, words
        assert "hansa init" in told.err
        as_json = terminal.hansa("--json", *words, cwd=tmp_path)
        assert as_json.status == REFUSED
        assert as_json.json["error"]["detail"]
        assert as_json.json["error"]["remedy"]


def test_where_several_nodes_could_be_meant(terminal: Terminal) -> None:
    told = terminal.hansa("find")
    assert told.status == REFUSED
    assert "--node" in told.err


def test_a_node_that_does_not_run(terminal: Terminal, tmp_path: Path) -> None:
    assert terminal.hansa("init", "quiet", "--port", str(free_ports(1)[0]), cwd=tmp_path).status == DONE
    for words in (("find",), ("get", "http://127.0.0.1:1/datasets/x"), ("decide",)):
        told = terminal.hansa(*words, "--node", "quiet", cwd=tmp_path)
        assert told.status == UNREACHABLE, words
        assert "hansa serve" in told.err
    assert (
        terminal.hansa("--json", "find", "--node", "quiet", cwd=tmp_path).json["error"]["code"] == "peer-unreachable"
    )
    assert terminal.hansa("verify", "quiet", cwd=tmp_path).status == DONE, "a ledger is checked on its own machine"
    assert terminal.hansa("doctor", "quiet", cwd=tmp_path).status in (DONE, REFUSED)
    twice = terminal.hansa("init", "quiet", cwd=tmp_path)
    assert twice.status == REFUSED
    assert "is a node already" in twice.err


def test_init_tells_scripts_what_it_made(terminal: Terminal, tmp_path: Path) -> None:
    init = terminal.hansa("--json", "init", "scripted", "--url", "https://data.city.example", cwd=tmp_path)
    assert init.status == DONE
    assert init.json["did"] == "did:web:data.city.example"
    assert set(init.json) >= {"did", "login", "password", "folder"}
    assert (tmp_path / "scripted" / "token").stat().st_mode & 0o777 == 0o600
    for words, setting in (
        (("init", "bad", "--url", "ftp://x"), "public_url"),
        (("init", "bad", "--database", "nonsense://x", "--port", "8123"), ""),
        (("init", "bad", "--port", "99999"), "port"),
    ):
        refused = terminal.hansa(*words, cwd=tmp_path)
        assert refused.status not in (DONE, USAGE), words
        assert setting in refused.err
        assert not (tmp_path / "bad" / "hansa.toml").exists(), "nothing half-made"


def test_one_node_one_process(terminal: Terminal) -> None:
    told = terminal.hansa("serve", "ghent")
    assert told.status == FAILED
    assert "is running already" in told.err
    # The one that runs does not mind: its search and its graph answer as before.
    assert terminal.hansa("find", "--node", "ghent").status == DONE
    assert terminal.hansa("sparql", "ASK {}", "--node", "ghent").out.strip() == "yes"
    for words in (("worker", "ghent"), ("serve", "ghent", "--no-worker")):
        refused = terminal.hansa(*words)
        assert refused.status == REFUSED
        assert "SQLite" in refused.err


def test_a_setting_that_is_wrong_is_named(terminal: Terminal, tmp_path: Path) -> None:
    assert terminal.hansa("init", "misspelt", "--port", "8199", cwd=tmp_path).status == DONE
    settings = tmp_path / "misspelt" / "hansa.toml"
    good = settings.read_text()
    for line, setting in (("prot = 1", "prot"), ("query_seconds = -1", "query_seconds"), ("= broken", "hansa.toml")):
        settings.write_text(good + line + "\n")
        told = terminal.hansa("serve", "misspelt", cwd=tmp_path)
        assert told.status == REFUSED
        assert setting in told.err


# ---- publishing and finding -----------------------------------------------------------------------------------


def test_mistakes_are_told_with_their_lines(terminal: Terminal) -> None:
    refused = terminal.hansa("publish", "mistakes.yaml", "--node", "ghent")
    assert refused.status == REFUSED
    for wanted in ("3 errors", "line 5", "line 6", "TRAN", "license: CC-BY-4.0", "nothing was saved"):
        assert wanted in refused.err
    as_json = terminal.hansa("--json", "publish", "mistakes.yaml", "--node", "ghent")
    assert as_json.status == REFUSED
    violations = [one for one in as_json.json["findings"] if one["severity"] == "violation"]
    assert len(violations) == 3
    assert all(one["message"] and one["remedy"] for one in violations)
    listed = terminal.hansa("--json", "find", "with mistakes", "--node", "ghent").json
    assert not [hit for hit in listed["hits"] if hit["iri"].endswith("with-mistakes")]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("tabs.yaml", "title:\n\t- x\n", "line 2"),
        ("open.yaml", 'title: "unfinished\n', "open.yaml"),
        ("list.yaml", "- a\n- b\n", "no fields"),
        ("empty.yaml", "", "no fields"),
        ("alias.yaml", "a: &a [1]\nb: *a\n", "aliases"),
        ("missing.yaml", GOOD.replace("counters.csv", "not-there.csv"), "not-there.csv"),
        ("broken.ttl", "<a> <b> ", "broken"),
        ("latin.yaml", b"title: caf\xe9\n", "UTF-8"),
        ("nul.yaml", "title: a\0b\n", "nul.yaml"),
    ],
    ids=lambda value: value if isinstance(value, str) and value.endswith(("yaml", "ttl")) else "",
)
def test_files_that_are_not_readable(
    terminal: Terminal, tmp_path: Path, name: str, content: str | bytes, message: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    told = terminal.hansa("publish", str(path), "--node", "ghent")
    assert told.status == REFUSED, told.output
    assert message in told.err or message == "broken"
    assert terminal.hansa("publish", str(tmp_path / "nothing.yaml"), "--node", "ghent").status == REFUSED


def test_a_data_file_alone_gets_a_draft(terminal: Terminal, tmp_path: Path) -> None:
    (tmp_path / "trees_2026.csv").write_text("id\n1\n")
    drafted = terminal.hansa("publish", str(tmp_path / "trees_2026.csv"), "--node", "ghent")
    assert drafted.status == DONE
    assert "trees_2026.yaml" in drafted.out
    assert "title: Trees 2026" in (tmp_path / "trees_2026.yaml").read_text()
    again = terminal.hansa("publish", str(tmp_path / "trees_2026.csv"), "--node", "ghent")
    assert again.status == REFUSED


def test_checking_publishes_nothing(terminal: Terminal) -> None:
    fresh = GOOD.replace("bicycle-counters", "only-checked")
    (terminal.home / "checked.yaml").write_text(fresh)
    assert terminal.hansa("publish", "checked.yaml", "--check", "--node", "ghent").status == DONE
    assert (
        terminal.hansa("show", f"{terminal.urls['ghent']}/datasets/only-checked", "--node", "ghent").status == REFUSED
    )


def test_finding_showing_asking(terminal: Terminal, iri: str) -> None:
    hits = terminal.hansa("find", "bicycle", "--node", "ghent")
    assert hits.status == DONE
    assert "Bicycle counters, hourly" in hits.out
    assert iri in hits.out
    assert terminal.hansa("--json", "find", "bicycle", "--node", "ghent").json["hits"][0]["iri"] == iri
    assert "No results" in terminal.hansa("find", "zeppelin", "--node", "ghent").out
    shown = terminal.hansa("show", iri, "--node", "ghent")
    assert shown.status == DONE
    assert "counters.csv" in shown.out
    assert "Creative Commons Attribution 4.0" in shown.out
    assert "iedereen" in terminal.hansa("show", iri, "--node", "ghent", "--lang", "nl").out
    as_json = terminal.hansa("--json", "show", iri, "--node", "ghent").json
    assert as_json["iri"] == iri
    assert [one["version"] for one in as_json["versions"]] == [1]
    query = "SELECT ?d { ?d a <http://www.w3.org/ns/dcat#Dataset> }"
    assert iri in terminal.hansa("sparql", query, "--node", "ghent").out
    assert iri in terminal.hansa("sparql", "-", "--node", "ghent", typed=query).out
    assert terminal.hansa("--json", "sparql", query, "--node", "ghent").json["results"]["bindings"]
    assert terminal.hansa("sparql", query, "--accept", "csv", "--node", "ghent").out.startswith("d\n")
    told = terminal.hansa("sparql", "SELECT {", "--node", "ghent")
    assert told.status == REFUSED
    assert told.err


# ---- getting --------------------------------------------------------------------------------------------------


def test_getting_from_the_other_city(terminal: Terminal, iri: str, tmp_path: Path) -> None:
    target = tmp_path / "mine.csv"
    got = terminal.hansa("get", iri, "--yes", "--output", str(target), "--node", "bruges")
    assert got.status == DONE, got.output
    assert target.read_bytes() == (terminal.home / "counters.csv").read_bytes()
    assert (tmp_path / "mine.csv.manifest.jws").exists()
    assert terminal.hansa("verify", str(target), "--node", "bruges").status == DONE
    target.write_bytes(target.read_bytes().replace(b"12", b"13"))
    absent = terminal.hansa("verify", "absent.csv", "--node", "bruges")
    assert (absent.status, "there is no absent.csv" in absent.err) == (REFUSED, True)
    changed = terminal.hansa("verify", str(target), "--node", "bruges")
    assert changed.status == REFUSED
    agreements = terminal.hansa("--json", "agreement", "--node", "bruges").json
    assert [one["dataset"] for one in agreements] == [iri]
    assert terminal.hansa("verify", "--agreement", agreements[0]["id"], "--node", "bruges").status == DONE
    shown = terminal.hansa(
        "agreement", agreements[0]["id"], "--document", str(tmp_path / "agreement.html"), "--node", "bruges"
    )
    assert shown.status == DONE
    assert "<html" in (tmp_path / "agreement.html").read_text("utf-8")
    as_json = terminal.hansa("--json", "get", iri, "--output", str(target), "--node", "bruges")
    assert as_json.status == DONE
    assert as_json.json["agreementId"] == agreements[0]["id"], "the agreement in force is used, not made anew"


def test_conditions_are_asked_about(terminal: Terminal) -> None:
    fresh = GOOD.replace("bicycle-counters", "asked-about")
    (terminal.home / "asked-about.yaml").write_text(fresh)
    assert terminal.hansa("publish", "asked-about.yaml", "--node", "ghent").status == DONE
    told = terminal.hansa("get", f"{terminal.urls['ghent']}/datasets/asked-about", "--node", "bruges", typed="n\n")
    assert told.status == REFUSED
    assert "accept" in told.err
    assert terminal.hansa("--json", "agreement", "--node", "ghent").status == DONE


def test_what_cannot_be_got(terminal: Terminal, iri: str) -> None:
    for address, node in (
        (iri, "ghent"),
        (f"{terminal.urls['ghent']}/datasets/not-there", "bruges"),
        ("nonsense", "bruges"),
        ("https://10.0.0.1/datasets/x", "bruges"),
    ):
        told = terminal.hansa("get", address, "--yes", "--node", node)
        assert told.status == REFUSED, (address, told.output)
        assert told.err
    gone = terminal.hansa("get", "http://127.0.0.1:1/datasets/x", "--yes", "--node", "bruges")
    assert gone.status == UNREACHABLE, "another node that does not answer is what 3 means too"


def test_waiting_for_a_person_and_deciding(terminal: Terminal) -> None:
    (terminal.home / "asks-first.ttl").write_text(ASKS.replace("BASE", terminal.urls["ghent"]), "utf-8")
    published = terminal.hansa("publish", "asks-first.ttl", "--file", "counters.csv", "--node", "ghent")
    assert published.status == DONE, published.output
    address = f"{terminal.urls['ghent']}/datasets/asks-first"
    asked = terminal.hansa("get", address, "--yes", "--agree-only", "--node", "bruges")
    assert asked.status == WAITING, asked.output
    assert "waiting for a person" in asked.out
    listed = terminal.hansa("decide", "--node", "ghent").out
    assert "Counters with questions" in listed
    assert "hansa decide 1" in listed
    assert len(terminal.hansa("--json", "decide", "--node", "ghent").json) == 1
    assert terminal.hansa("decide", "1", "--node", "ghent").status == USAGE
    assert terminal.hansa("decide", "7", "--approve", "--node", "ghent").status == REFUSED
    assert terminal.hansa("decide", "1", "--refuse", "--reason", "not this year", "--node", "ghent").status == DONE
    refused = terminal.hansa("get", address, "--yes", "--agree-only", "--node", "bruges")
    assert refused.status in (REFUSED, WAITING)


def test_interrupting_is_told(terminal: Terminal) -> None:
    """Ctrl-C: 130, a sentence, no traceback."""
    # Whoever runs the tests in the background may have them ignore the signal, which children inherit.
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    asking = subprocess.Popen(
        [sys.executable, "-m", "node.cli", "sparql", "-", "--node", "ghent"],
        cwd=terminal.home,
        env=_plain_environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    signal.signal(signal.SIGINT, before)
    _after_start(asking)
    asking.send_signal(signal.SIGINT)
    _, err = asking.communicate(timeout=20)
    assert asking.returncode == INTERRUPTED, err
    assert b"Traceback" not in err
    assert err.strip()


def _after_start(process: subprocess.Popen[bytes]) -> None:
    """Until the program has come to reading what is typed."""
    waits: Callable[[], bool] = lambda: "pipe" in Path(f"/proc/{process.pid}/wchan").read_text()  # noqa: E731
    try:
        until("it reads", waits, seconds=10)
    except (AssertionError, OSError):
        time.sleep(3)


def test_a_reader_that_leaves_early(terminal: Terminal) -> None:
    """``hansa find | head -0``: no trace, and no failure."""
    done = subprocess.run(
        f"{sys.executable} -m node.cli find --node ghent | head -c 0",
        shell=True,
        capture_output=True,
        cwd=terminal.home,
        env=_plain_environment(),
        timeout=60,
        check=False,
    )
    assert b"Traceback" not in done.stderr
    assert b"BrokenPipe" not in done.stderr


# ---- keeping it well ------------------------------------------------------------------------------------------


def test_people_are_let_in(terminal: Terminal) -> None:
    listed = terminal.hansa("--json", "user", "--node", "ghent").json
    assert [one["login"] for one in listed] == ["admin"]
    added = terminal.hansa(
        "user", "ann", "--role", "steward", "--node", "ghent", typed="a long password\na long password\n"
    )
    assert added.status == DONE, added.output
    assert "a long password" not in added.output
    short = terminal.hansa("user", "bob", "--node", "ghent", typed="short\nshort\n")
    assert short.status == REFUSED
    assert "12" in short.err


def test_backup_restore_verify_doctor(terminal: Terminal, tmp_path: Path) -> None:
    archive, restored = tmp_path / "ghent.backup", tmp_path / "restored"
    made = terminal.hansa("--json", "backup", "ghent", "--to", str(archive))
    assert made.status == DONE
    assert made.json["entries"] >= 1
    assert archive.stat().st_mode & 0o077 == 0, "it holds keys"
    back = terminal.hansa("--json", "restore", str(archive), str(restored))
    assert back.status == DONE
    assert back.json["epoch"] >= 1
    assert terminal.hansa("verify", str(restored)).status == DONE
    assert terminal.hansa("restore", str(archive), str(restored)).status == REFUSED, "not over another node"
    archive.write_bytes(archive.read_bytes()[: archive.stat().st_size // 2])
    assert terminal.hansa("restore", str(archive), str(tmp_path / "half")).status == REFUSED
    assert not (tmp_path / "half" / "hansa.toml").exists()
    with HansaClient(locate(str(terminal.home / "ghent"))) as client:
        for number in range(WORTH_KEEPING):  # A ledger so long that it should not be without a backup.
            client.block(f"did:web:stranger-{number}.example", "made up for a test")
            client.unblock(f"did:web:stranger-{number}.example")

    def advised() -> Ran | None:
        ran = terminal.hansa("doctor", "ghent")
        return ran if ran.status == REFUSED else None

    before = until("the ledger has numbered them", advised)
    assert "hansa backup ghent" in before.output, "what is not well comes with the command that mends it"
    assert terminal.hansa("backup", "ghent").status == DONE
    well = terminal.hansa("doctor", "ghent")
    assert well.status == DONE, well.output
    (restored / "keys" / "key-1.pem").chmod(0o644)
    ill = terminal.hansa("--json", "doctor", str(restored))
    assert ill.status == REFUSED
    assert any("chmod" in one.get("remedy", "") for one in ill.json)


def test_withdrawing(terminal: Terminal) -> None:
    (terminal.home / "leaving.yaml").write_text(GOOD.replace("bicycle-counters", "leaving"))
    address = f"{terminal.urls['ghent']}/datasets/leaving"
    assert terminal.hansa("publish", "leaving.yaml", "--node", "ghent").status == DONE
    assert terminal.hansa("withdraw", address, "--node", "ghent").status == DONE
    assert terminal.hansa("show", address, "--node", "ghent").status == REFUSED
    assert terminal.hansa("withdraw", f"{address}-not", "--node", "ghent").status == REFUSED


@pytest.mark.postgres
def test_server_and_worker_apart(tmp_path: Path, postgres_server: str) -> None:
    """On PostgreSQL the work may be done by another process, which leaves the server's views alone."""
    with fresh_schema(postgres_server) as database:
        apart = Terminal(tmp_path)
        port = free_ports(1)[0]
        apart.urls["ghent"] = f"http://127.0.0.1:{port}"
        made = apart.hansa("init", "ghent", "--port", str(port), "--database", database)
        assert made.status == DONE, made.output
        try:
            apart.serve("ghent", "--no-worker")
            apart.work("ghent")
            (tmp_path / "counters.csv").write_text("hour,count\n", "utf-8")
            (tmp_path / "counters.yaml").write_text(GOOD, "utf-8")
            assert apart.hansa("publish", "counters.yaml").status == DONE
            assert "bicycle-counters" in apart.hansa("find", "bicycle").out
            assert apart.hansa("sparql", "ASK { ?s ?p ?o }").out.strip() == "yes"
            assert apart.hansa("doctor").status in (DONE, REFUSED)
            time.sleep(1)
            assert {name: process.poll() for name, process in apart.served.items()} == {"ghent": None, "worker": None}
            assert [apart.stop(name) for name in list(apart.served)] == [0, 0]
            for name in ("ghent", "worker"):
                log = (tmp_path / f"{name}.log").read_text("utf-8")
                assert "Traceback" not in log, log[-3000:]
                assert "ERROR" not in log, log[-3000:]
        finally:
            for process in apart.served.values():
                process.kill()
                process.wait()
