"""Versions of an asset by time (RFC 7089), as a client of Memento reads them, and who may see which."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any

import pytest

from tests.nodes import Running, described, publish

LINK = re.compile(r'<([^>]*)>((?:; [a-z]+="[^"]*")*)')


def links(text: str) -> dict[str, dict[str, str]]:
    """Relation → attributes of the link, with its ``href``."""
    by_relation: dict[str, dict[str, str]] = {}
    for target, attributes in LINK.findall(text):
        members = dict(re.findall(r'; ([a-z]+)="([^"]*)"', attributes))
        for relation in members["rel"].split():
            by_relation.setdefault(relation, {**members, "href": target})
    return by_relation


def http_date(moment: datetime) -> str:
    return format_datetime(moment.astimezone(UTC), usegmt=True)


def correct(city: Running, slug: str, **fields: Any) -> None:
    with city.client() as client:
        audience = fields.pop("audience", None)
        submission: dict[str, Any] = {"fields": described(slug, **fields), "files": []}
        client.publish(submission | ({"audience": audience} if audience else {}))


@pytest.fixture(scope="module")
def versions(city: Running) -> list[dict[str, Any]]:
    """Three versions of a dataset, each in a second of its own; oldest first."""
    iri = publish(city, "traffic-counts", data=None, conditions=None)["iri"]
    for title in ("Second title", "Third title"):
        time.sleep(1.1)  # Memento counts in seconds
        correct(city, "traffic-counts", title=title)
    with city.client() as client:
        known = client.versions(iri)[::-1]
    assert len(known) == 3
    return [{**version, "time": datetime.fromisoformat(version["at"])} for version in known]


def test_a_time_leads_to_the_version_of_that_time(city: Running, versions: list[dict[str, Any]]) -> None:
    iri = versions[0]["iri"]
    wishes = [(version["time"], version["version"]) for version in versions]
    wishes += [(versions[0]["time"] - timedelta(days=400), 1), (datetime(2090, 1, 1, tzinfo=UTC), 3)]
    with city.http(follow_redirects=False) as http:
        for moment, number in wishes:
            gate = http.get(iri, headers={"Accept": "text/turtle", "Accept-Datetime": http_date(moment)})
            assert (gate.status_code, gate.headers["location"]) == (302, f"{iri}?version={number}")
            assert "accept-datetime" in gate.headers["vary"].lower()
            assert "memento-datetime" not in gate.headers
            relations = links(gate.headers["link"])
            assert relations["original"]["href"] == relations["timegate"]["href"] == iri
            assert relations["memento"]["href"] == gate.headers["location"]
            version = http.get(gate.headers["location"], headers={"Accept": "text/turtle"}).raise_for_status()
            assert parsedate_to_datetime(version.headers["memento-datetime"]) == versions[number - 1]["time"].replace(
                microsecond=0
            )
            assert links(version.headers["link"])["timemap"]["href"] == f"{iri}/timemap"
        assert "Second title" in http.get(f"{iri}?version=2", headers={"Accept": "text/turtle"}).text


@pytest.mark.parametrize("accept", ["text/html", "application/json", "text/turtle"])
def test_every_form_of_a_version_states_its_time(city: Running, versions: list[dict[str, Any]], accept: str) -> None:
    iri = versions[0]["iri"]
    with city.http(headers={"Accept": accept}) as http:
        for address in (f"{iri}?version=2", f"{iri}?asOf={versions[1]['at']}"):
            answer = http.get(address).raise_for_status()
            assert answer.headers["memento-datetime"] == http_date(versions[1]["time"])
            assert links(answer.headers["link"])["memento"]["href"] == f"{iri}?version=2"
        now = http.get(iri).raise_for_status()
        assert "memento-datetime" not in now.headers
        relations = links(now.headers["link"])
        assert relations["timegate"]["href"] == iri
        assert relations["latest-version"]["href"] == f"{iri}?version=3"
        followed = http.get(iri, headers={"Accept-Datetime": http_date(versions[1]["time"])}, follow_redirects=True)
        assert followed.headers["memento-datetime"] == http_date(versions[1]["time"])


def test_a_time_outside_the_calendar_is_refused_in_every_form(city: Running, versions: list[dict[str, Any]]) -> None:
    iri = versions[0]["iri"]
    for accept in ("text/html", "application/json", "text/turtle"):
        with city.http(headers={"Accept": accept}) as http:
            for text in ("9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+12:00"):
                answer = http.get(iri, params={"asOf": text})
                assert answer.status_code == 400, (accept, text)
                assert http.get("/api/catalogue/record", params={"iri": iri, "asOf": text}).status_code == 400
    with city.http(headers={"Accept": "text/html"}) as http:
        assert http.get(iri, params={"asOf": ""}).status_code == 200, "a field of a form that was left empty"


def test_the_timemap_lists_all_versions(city: Running, versions: list[dict[str, Any]]) -> None:
    iri = versions[0]["iri"]
    with city.http() as http:
        answer = http.get(f"{iri}/timemap").raise_for_status()
    assert answer.headers["content-type"].partition(";")[0] == "application/link-format"
    entries = LINK.findall(answer.text)
    mementos = [target for target, attributes in entries if "memento" in attributes]
    assert mementos == [f"{iri}?version={number}" for number in (1, 2, 3)]
    relations = links(answer.text)
    assert relations["self"]["from"] == relations["first"]["datetime"] == http_date(versions[0]["time"])
    assert relations["self"]["until"] == relations["last"]["datetime"] == http_date(versions[2]["time"])


def test_a_time_that_is_no_date_of_http_is_refused(city: Running, versions: list[dict[str, Any]]) -> None:
    with city.http() as http:
        for text in ("yesterday", "2026-11-20", "Fri, 20 Nov 2026 12:00:00 +0100", ""):
            answer = http.get(versions[0]["iri"], headers={"Accept-Datetime": text})
            assert answer.status_code == 400, text
            assert "GMT" in answer.json()["remedy"]


def test_a_hidden_version_is_as_absent_as_no_asset(city: Running) -> None:
    hidden = publish(city, "staff-only", data=None, conditions=None, audience="internal")["iri"]
    absent = hidden.replace("staff-only", "nothing")
    headers = {"Accept-Datetime": http_date(datetime.now(UTC))}
    with city.http() as http:
        for path in ("", "/timemap"):
            answers = [http.get(f"{iri}{path}", headers=headers) for iri in (hidden, absent)]
            assert [answer.status_code for answer in answers] == [404, 404]
            first, second = ({**answer.json(), "instance": ""} for answer in answers)
            assert first == second
    with city.http(headers={"Authorization": f"Bearer {city.token}", **headers}) as own:
        assert own.get(f"{hidden}/timemap").status_code == 200


def test_versions_before_a_wider_audience_stay_hidden(city: Running) -> None:
    iri = publish(city, "opened", data=None, conditions=None, audience="internal")["iri"]
    correct(city, "opened", title="Now for everybody", audience="public")
    with city.http(follow_redirects=False) as http:
        mementos = re.findall(r"version=(\d+)", http.get(f"{iri}/timemap").text)
        assert mementos == ["2"]
        early = http.get(iri, headers={"Accept-Datetime": "Fri, 20 Nov 2020 12:00:00 GMT"})
        assert early.headers["location"] == f"{iri}?version=2"


def test_while_it_was_withdrawn_there_was_none(city: Running) -> None:
    iri = publish(city, "gone", data=None, conditions=None)["iri"]
    with city.client() as client:
        time.sleep(1.1)
        client.withdraw(iri)
    with city.http(follow_redirects=False) as http:
        late = {"Accept-Datetime": "Fri, 20 Nov 2090 12:00:00 GMT"}
        assert http.get(iri, headers=late).status_code == 410
        early = http.get(iri, headers={"Accept-Datetime": "Fri, 20 Nov 2020 12:00:00 GMT"})
        assert early.headers["location"] == f"{iri}?version=1"
        assert re.findall(r"version=(\d+)", http.get(f"{iri}/timemap").text) == ["1"]
