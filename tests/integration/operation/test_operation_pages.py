"""What operators and auditors see of a node: health, settings without secrets, storage, and the audit trail."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from node.base.work import Task
from node.cli.archive import write_backup
from node.settings import load
from node.settings.sources import settings_in_force
from tests.nodes import Running, publish, running
from tests.portal_browser import signed_in
from tests.terminal import asked, typed
from tests.unit.portal.page import Page, troubles

TOKEN = "a-token-of-a-monitor-that-nobody-may-see-0123456789"


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("operation") / "gent"
    with running(folder, template=sqlite_template, metrics_token=TOKEN) as started:
        publish(started, "first")
        publish(started, "second", data=b"a,b\n" * 1000)
        yield started


def api(node: Running, path: str, **params: Any) -> Any:
    with node.http(headers=node.person()) as client:
        answer = client.get(path, params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_health_names_each_fault_and_where_it_is_mended(node: Running) -> None:
    def checks() -> dict[str, Any]:
        return {check["code"]: check for check in api(node, "/api/checks")}

    assert {name for name, check in checks().items() if not check["well"]} <= {"limited"}
    stores, now = node.node.parts.stores, node.node.parts.clock.now()
    task = Task(id="urn:dead", topic="x", lane="https://x.example", subject="urn:x", body=b"", due=now, dead=True)
    with stores.uow.begin() as tx:
        stores.outbox.put(tx, task)
    try:
        assert checks()["deliveries"] == {
            "code": "deliveries", "well": False, "count": 1, "waiting": checks()["deliveries"]["waiting"],
            "path": "/deliveries",
        }  # fmt: skip
        with signed_in(node) as browser:
            page = Page(browser.get("/operate").text)
        assert troubles(page) == []
        assert "1 message could not be delivered" in page.text
        assert "/deliveries" in page.links()
    finally:
        with stores.uow.begin() as tx:
            stores.outbox.cancel(tx, "urn:dead")


def test_settings_say_where_they_come_from_and_no_secret(
    node: Running, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    known = {one["name"]: one for one in api(node, "/api/settings")}
    assert known["metrics_token"]["value"] == "set"
    assert (known["public_url"]["value"], known["public_url"]["source"]) == (node.url, "file")
    assert known["upload_limit"]["source"] == "default"
    with signed_in(node) as browser:
        texts = [browser.get(path).text for path in ("/operate/settings", "/operate/settings?changed=1")]
    assert "upload_limit" in texts[0]
    assert "upload_limit" not in texts[1]
    _, shown = typed(node, capsys, "config")
    for text in (*texts, json.dumps(known), shown):
        assert TOKEN not in text
    monkeypatch.setenv("HANSA_DECISION_DAYS", "3")
    monkeypatch.setenv("HANSA_DATABASE_URL", "postgresql://hansa:hush-hush@db.example/hansa?password=hush-hush&x=1")
    settings = {one.name: one for one in settings_in_force(load(node.folder))}
    assert (settings["decision_days"].value, settings["decision_days"].source) == ("3", "environment")
    assert "hush-hush" not in settings["database_url"].value
    assert "db.example" in settings["database_url"].value


def test_storage_counts_places_assets_and_backups(node: Running, capsys: pytest.CaptureFixture[str]) -> None:
    with signed_in(node) as browser:
        assert "There is no backup yet" in Page(browser.get("/operate/storage").text).text
    written = write_backup(node.folder)
    try:
        use = asked(node, capsys, "storage")
        assert {asset["iri"].rpartition("/")[2]: asset["bytes"] for asset in use["assets"]} == {
            "first": 44,
            "second": 4000,
        }
        assert use["places"]["blobs"] >= 4044
        assert [backup["name"] for backup in use["backups"]] == [written.path.name]
        with signed_in(node) as browser:
            page = Page(browser.get("/operate/storage").text)
        assert troubles(page) == []
        assert written.path.name in page.text
    finally:
        written.path.unlink()


def test_the_audit_trail_is_filtered_paged_and_exported(node: Running, capsys: pytest.CaptureFixture[str]) -> None:
    everything = api(node, "/api/audit", limit=500)
    assert everything["before"] is None
    numbers = [entry["seq"] for entry in everything["entries"]]
    assert numbers == sorted(numbers, reverse=True)
    records = api(node, "/api/audit", kind="record")["entries"]
    assert {entry["kind"] for entry in records} == {"record"}
    (subject,) = {entry["subject"] for entry in records if entry["subject"].endswith("/first")}
    assert [entry["subject"] for entry in api(node, "/api/audit", subject=subject, kind="record")["entries"]] == [
        subject
    ]
    walked, before = [], None
    while True:
        page = api(node, "/api/audit", limit=1, **({} if before is None else {"before": before}))
        walked += [entry["seq"] for entry in page["entries"]]
        before = page["before"]
        if before is None:
            break
    assert walked == numbers
    tomorrow = f"{node.node.parts.clock.now() + timedelta(days=1):%Y-%m-%d}"
    with signed_in(node) as browser:
        page_of_records = Page(browser.get("/operate/audit", params={"kind": "record", "subject": subject}).text)
        assert troubles(page_of_records) == []
        (number,) = (entry["seq"] for entry in records if entry["subject"] == subject)
        assert page_of_records.all("a", href=f"/operate/audit/{number}")
        assert "Version 1 was published." in page_of_records.text
        entry_page = Page(browser.get(f"/operate/audit/{number}").text)
        assert troubles(entry_page) == []
        assert subject in entry_page.text
        assert "Version 1 was published." in entry_page.text
        assert browser.get(f"/operate/audit/{numbers[0] + 1000}").status_code == 404
        log = browser.get("/operate/audit.log", params={"kind": "record"})
        assert "No results" in Page(browser.get("/operate/audit", params={"from": tomorrow}).text).text
        answer = browser.get("/operate/audit.csv", params={"kind": "record"})
    assert answer.headers["content-disposition"] == 'attachment; filename="audit.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["subject"] for row in rows] == [entry["subject"] for entry in records]
    lines = log.text.splitlines()
    assert [line.partition(" externalId=")[2].partition(" ")[0] for line in lines] == [row["id"] for row in rows]
    assert typed(node, capsys, "audit", "--log", "--kind", "record", "--limit", "500") == (0, log.text)
    assert asked(node, capsys, "audit", "--kind", "record") == records
    assert {entry["event"]["code"] for entry in records} == {"asset-published"}
    assert "asset published" in typed(node, capsys, "audit", "--kind", "record")[1]
    status, sheet = typed(node, capsys, "audit", "--csv", "--limit", "1")
    assert status == 0
    assert sheet.startswith("seq,at,kind")


def test_an_exported_trail_shows_whether_it_was_changed(
    node: Running, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    records = api(node, "/api/audit", kind="record")["entries"]
    with signed_in(node) as browser:
        address = Page(browser.get("/operate/audit", params={"kind": "record"}).text).links()
        (link,) = [path for path in address if path.startswith("/operate/audit.jsonl")]
        answer = browser.get(link)
    assert answer.headers["content-disposition"] == 'attachment; filename="audit.jsonl"'
    for entry in records:
        del entry["event"]
    assert [json.loads(line) for line in answer.text.splitlines()[:-1]] == records
    file = tmp_path / "audit.jsonl"
    file.write_bytes(answer.content)
    status, report = typed(node, capsys, "verify", str(file))
    assert status == 0, report
    assert f"{len(records)} entries" in report
    assert "kind=record" in report

    status, from_terminal = typed(node, capsys, "audit", "--signed", "--kind", "record")
    assert status == 0
    assert from_terminal.splitlines()[:-1] == answer.text.splitlines()[:-1]

    *lines, signature = answer.content.splitlines(keepends=True)
    for changed in (lines[1:], [*lines, lines[0]], [lines[0].replace(b"record", b"access"), *lines[1:]]):
        file.write_bytes(b"".join([*changed, signature]))
        assert typed(node, capsys, "verify", str(file))[0] == 1
    file.write_bytes(answer.content.replace(b'"signature":"', b'"signature":"x'))
    assert typed(node, capsys, "verify", str(file))[0] != 0


def test_a_cell_of_the_export_is_no_formula(node: Running) -> None:
    with node.node.parts.stores.uow.begin() as tx:
        from node.ledger.model import EntryKind

        node.node.foundation.append(tx, EntryKind.NODE, "=cmd()", "+evil", {"x": 1})
    from tests.nodes import until

    until("it is numbered", lambda: api(node, "/api/audit", by="+evil")["entries"])
    with signed_in(node) as browser:
        answer = browser.get("/operate/audit.csv", params={"by": "+evil"})
    (row,) = csv.DictReader(io.StringIO(answer.text))
    assert (row["subject"], row["by"]) == ("'=cmd()", "'+evil")
