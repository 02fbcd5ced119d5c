"""The report of a harvest is sent to a publisher by a person, and opened by its link."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from node.cli.exits import REFUSED
from node.cli.main import run
from node.client.harvests import Harvests
from tests.integration.harvests.test_harvests import Portal, portal
from tests.integration.harvests.test_scheduled_harvests import ended
from tests.mail_sink import MailSink, mail_sink
from tests.nodes import Running, running
from tests.portal_browser import csrf_of, signed_in
from tests.waits import until

__all__ = ["portal"]

CATALOGUE = """
@prefix dcat: <http://www.w3.org/ns/dcat#> . @prefix dct: <http://purl.org/dc/terms/> .
@prefix vcard: <http://www.w3.org/2006/vcard/ns#> . @prefix foaf: <http://xmlns.com/foaf/0.1/> .
<https://p.example/a> a dcat:Dataset ; dct:title "Trees"@en ; dcat:contactPoint <https://p.example/desk> .
<https://p.example/b> a dcat:Dataset ; dct:title "Banks"@en ; dcat:contactPoint <https://p.example/desk> ;
  dct:publisher [ a foaf:Agent ; foaf:name "Parks" ; foaf:mbox <mailto:parks@p.example> ] .
<https://p.example/c> a dcat:Dataset ; dct:description "no title" .
<https://p.example/desk> a vcard:Organization ; vcard:fn "Data desk" ; vcard:hasEmail <mailto:desk@p.example> .
"""


@pytest.fixture
def sink() -> Iterator[MailSink]:
    with mail_sink() as started:
        yield started


@pytest.fixture
def city(tmp_path: Path, sqlite_template: Path, sink: MailSink) -> Iterator[Running]:
    settings = {"mail_server": sink.address, "mail_from": "data@ghent.example"}
    with running(tmp_path / "gent", template=sqlite_template, **settings) as started:
        yield started


def test_a_report_is_sent_by_a_person_and_opened_by_its_link(
    city: Running, portal: Portal, sink: MailSink, capsys: pytest.CaptureFixture[str]
) -> None:
    def harvest(*words: str, code: int = 0) -> str:
        assert run(["harvest", *words, "--node", str(city.folder)]) == code
        out, err = capsys.readouterr()
        return out + err

    portal.pages["/p.ttl"] = CATALOGUE.encode()
    with city.client() as client:
        harvests = Harvests(client)
        harvests.add("parks", f"{portal.url}/p.ttl", "1d")
        ended(harvests, "parks")
        assert sink.messages == []
        contacts = {item["address"]: item["records"] for item in harvests.contacts("parks")}
        assert contacts == {"desk@p.example": 2, "parks@p.example": 1}
        assert "desk@p.example" in harvest("send", "parks")
        assert "link" in harvest("send", "parks", "--to", "desk@p.example", "--lang", "nl")
        until("the e-mail has arrived", lambda: sink.messages)
        assert sink.recipients == ["desk@p.example"]
        text = str(sink.messages[0].get_content())
        assert "Nieuw: 2." in text
        assert "Geweigerd: 1." in text
        assert "https://p.example/c" in text
        link = next(line for line in text.splitlines() if "/reports/" in line)
        with httpx2.Client(trust_env=False) as stranger:
            sheet = stranger.get(link)
            assert sheet.status_code == 200
            assert "Trees" in sheet.text
            assert sheet.headers["Cache-Control"] == "no-store"
            assert stranger.get(link[:-3] + "abc").status_code == 404
        assert "a moment ago" in harvest("send", "parks", "--to", "desk@p.example", code=REFUSED)
        assert "not an e-mail address" in harvest("send", "parks", "--to", "desk", code=REFUSED)
        assert "/reports/" in harvest("send", "parks", "--link")
        sent = harvests.sent_reports("parks")
        assert [(item["to"], item["by"], item["language"]) for item in sent] == [
            ([], "admin", "en"),
            (["desk@p.example"], "admin", "nl"),
        ]
    with signed_in(city) as browser:
        page = browser.get("/imports/parks").text
        assert "desk@p.example" in page
        form = {"csrf": csrf_of(page), "to": "parks@p.example", "run": ""}
        answer = browser.post("/imports/parks/reports", data=form).text
        assert "/reports/" in answer
        until("the second e-mail has arrived", lambda: len(sink.messages) == 2)
        wrong = browser.post("/imports/parks/reports", data={**form, "to": "nobody"})
        assert wrong.status_code == 422 or wrong.status_code == 400
    with city.http() as stranger:
        assert stranger.post("/api/harvests/parks/runs/latest/reports", json={"to": []}).status_code == 401


def test_a_run_that_found_nothing_new_names_the_contacts_of_the_source(city: Running, portal: Portal) -> None:
    portal.pages["/p.ttl"] = CATALOGUE.encode()
    with city.client() as client:
        harvests = Harvests(client)
        harvests.add("parks", f"{portal.url}/p.ttl", "1d")
        ended(harvests, "parks")
        first = harvests.contacts("parks")
        harvests.run("parks")
        newest = ended(harvests, "parks")
        assert (newest["counts"]["unchanged"], newest["counts"]["refused"]) == (2, 1)
        assert harvests.contacts("parks") == first
        assert {item["address"] for item in first} == {"desk@p.example", "parks@p.example"}
