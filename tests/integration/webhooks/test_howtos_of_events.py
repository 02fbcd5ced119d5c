"""The how-to guide about events and jobs, typed as it stands on the page."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import httpx2
import pytest

from node.cli.main import run
from tests.e2e.test_tutorial_model import Typed, missing, steps
from tests.integration.datasources.servers import standing
from tests.nodes import Running, agree, publish, rows, running
from tests.simulator.lineage_catalogue import LineageCatalogue, types
from tests.simulator.webhook_receiver import WebhookReceiver
from tests.waits import until

PAGE = Path(__file__).resolve().parents[3] / "docs" / "how-to" / "orchestrate-from-outside.md"


def function(source: str, name: str) -> Any:
    """A function of a listing on the page."""
    names: dict[str, Any] = {}
    exec(compile(source, name, "exec"), names)
    return names[name]


def at_loopback(text: str, hosts: dict[str, str]) -> str:
    for host, url in hosts.items():
        text = text.replace(host, url)
    return text


def _work_at_night(text: str, home: Path, template: Path, ghent: Running) -> None:
    """Run the script of the page twice: the second time is the same transfer."""
    listing = re.search(r"```python\n# night_job.py\n(.*?)```", text, re.DOTALL)
    assert listing is not None
    names: dict[str, Any] = {}
    exec(compile(listing[1].replace("import httpx", "import httpx2 as httpx"), "night_job.py", "exec"), names)
    with running(home / "bruges", template=template) as bruges:
        agreement = str(agree(bruges, publish(ghent, "nightly")["iri"])["agreementId"])
        before = rows(bruges, "transfers")
        for _ in range(2):
            with bruges.http(headers=bruges.person(), timeout=60) as node:
                pid = names["start"](node, "/api/transfers", {"agreementId": agreement}, "get-2026-11-23")
                assert names["end_of"](node, f"/api/transfers/{pid}") == "COMPLETED"
        assert rows(bruges, "transfers") == before + 1
        with pytest.raises(httpx2.HTTPStatusError, match="40"):
            # There is no such scenario here; the transfer is the one that has ended.
            names["night_job"](bruges.url, bruges.token, agreement, {"scenario": f"{bruges.url}/x"}, "2026-11-23")
        assert rows(bruges, "transfers") == before + 1


def test_the_page_about_events_as_it_stands(
    tmp_path: Path, sqlite_template: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    program, catalogue, text = WebhookReceiver(), LineageCatalogue(), PAGE.read_text("utf-8")
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("HANSA_NODE", str(tmp_path / "ghent"))
    commands, outputs = 0, []
    with (
        running(tmp_path / "ghent", template=sqlite_template) as ghent,
        standing(program.app()) as url,
        standing(catalogue.app()) as lineage,
    ):
        hosts = {"https://jobs.ghent.example": url, "https://lineage.ghent.example": lineage}
        for step in steps(text):
            if not isinstance(step, Typed) or not step.command.startswith("hansa webhook"):
                continue
            command = at_loopback(step.command, hosts)
            status = run(shlex.split(command.removeprefix("hansa ")))
            output = capsys.readouterr()
            commands += 1
            outputs.append(output.out)
            assert status == 0, output.out + output.err
            shown = [at_loopback(line, hosts) for line in step.shown]
            assert missing(shown, output.out + output.err) == [], output.out + output.err
        assert commands == 9
        _work_at_night(text, tmp_path, sqlite_template, ghent)
        publish(ghent, "counts")
        until("the events arrive", lambda: len(program.events) == 3)
    assert types(catalogue.events)[0] == "OTHER"
    secret = re.search(r"whsec_\S+", outputs[0])
    assert secret is not None
    listing = re.search(r"```python\n# verify.py\n(.*?)```", text, re.DOTALL)
    assert listing is not None
    assert len([line for line in listing[1].splitlines() if line.strip()]) <= 10
    is_genuine = function(listing[1], "is_genuine")
    assert [is_genuine(*letter, secret[0]) for letter in program.letters] == [True, True, True]
    headers, body = program.letters[0]
    assert not is_genuine(headers, body + b" ", secret[0])
    assert not is_genuine({**headers, "webhook-timestamp": "1700000000"}, body, secret[0])
