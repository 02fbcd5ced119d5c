"""Every page, as a stranger, as a person of the node, as one who is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit
from xml.etree import ElementTree

import pytest
from starlette.testclient import TestClient

from node.base.errors import Overloaded, TooMany
from node.dialogue.machine import Table
from node.negotiation import machine as negotiating
from node.portal.languages import PORTAL
from node.portal.pages.work import NEGOTIATION_STEPS, TRANSFER_STEPS
from node.portal.settings import PortalSettings
from node.texts.languages import LANGUAGES
from node.transfer import machine as transferring
from tests.fakes.portal.content import LONG_TITLE, PLZEN, demo_records
from tests.fakes.portal.node import AGREEMENT, BASE, BROKEN, COUNTS, NEGOTIATION, NOW, TRANSFER, FakeNode
from tests.fakes.portal.receipts import DELETED as ERASED
from tests.fakes.portal.receipts import DONE as RECEIVED
from tests.fakes.portal.receipts import FAILED as LOST
from tests.fakes.portal.receipts import LIVE as COMING
from tests.fakes.portal.scenarios import DONE, FAILED, PLAIN, RUNNING, SLOWER, TEMPLATE
from tests.fakes.portal.stories import EARLIER, FOR_MEMBERS, RESULT
from tests.fakes.stores.drafts import DRAFT
from tests.unit.portal.conftest import browser
from tests.unit.portal.page import Page, troubles

RUN, COMPARED = f"/runs/{quote(DONE, safe='')}", f"/runs/compare?left={quote(DONE)}&right={quote(SLOWER)}"
BIND = f"/scenario/bind?template={quote(TEMPLATE, safe='')}"

NOISE = f"/record?iri={quote('http://127.0.0.1:8102/models/road-noise', safe='')}"
AACHEN = f"/record?iri={quote('https://daten.aachen.example/datasets/fahrbahn', safe='')}"

OPEN_PAGES = (
    "/",
    "/search",
    "/search?q=verkeer&kind=dataset&theme=http%3A%2F%2Fpublications.europa.eu%2Fresource%2Fauthority%2Fdata-theme%2FTRAN",
    "/search?q=nothingatall",
    "/datasets/traffic-counts",
    "/datasets/traffic-counts?version=1",
    "/datasets/traffic-counts?asOf=2026-11-09",
    "/datasets/road-network",
    "/models/traffic-assignment",
    NOISE,
    AACHEN,
    "/ontologies/mobility",
    "/schemas/traffic-flow-observed",
    "/transformations/quarter-to-hour",
    "/scenarios/contributiebrug",
    "/services/road-works",
    f"/record?iri={quote('http://127.0.0.1:8100/rulebooks/vlaanderen', safe='')}",
    *(f"/record/story?iri={quote(iri, safe='')}" for iri in (RESULT, EARLIER)),
    "/sparql",
    "/sparql?query=SELECT%20%2A%20WHERE%20%7B%3Fs%20%3Fp%20%3Fo%7D",
    "/sparql?query=ASK%20%7B%7D",
    "/sparql?query=DESCRIBE%20%3Curn%3Aa%3E",
    "/sign-in",
    "/members",
    "/about",
    "/docs/api",
)
PEOPLES_PAGES = (
    "/decisions",
    "/agreements",
    f"/agreements/{AGREEMENT}",
    f"/agreements/{AGREEMENT}?check=now&document=both",
    f"/agreements/{AGREEMENT}/document",
    f"/agreements/{AGREEMENT}/document?document=both",
    f"/agreements/{quote('https://plzen.example/agreements/7', safe='')}",
    f"/agreements/{quote('https://plzen.example/agreements/7', safe='')}/document",
    "/received",
    *(f"/received/{pid}" for pid in (RECEIVED, COMING, LOST, ERASED)),
    f"/received/{RECEIVED}/table?count=segment",
    "/processes",
    f"/processes/{NEGOTIATION}",
    f"/processes/{TRANSFER}",
    f"/processes/{BROKEN}",
    "/deliveries",
    "/operate",
    "/operate/settings",
    "/operate/settings?changed=1",
    "/operate/storage",
    "/operate/storage?after=x",
    "/operate/audit",
    "/operate/audit/3",
    "/operate/audit?kind=access&by=els&from=2026-01-01&to=9999-12-31&before=40",
    "/operate/audit?kind=nonsense&from=yesterday&before=%C2%B2",
    "/imports",
    "/sources",
    "/imports/ghent",
    "/imports/ghent?outcome=new&q=set&offset=100",
    "/imports/ghent?run=urn:run:2",
    "/imports/plzen",
    "/imports/vienna",
    "/imports/brno",
    "/publish",
    "/changes",
    f"/publish/{DRAFT}",
    f"/publish/{DRAFT}/conditions?from=mobility-partners",
    f"/publish/{DRAFT}/preview",
    f"/publish?like={quote(COUNTS, safe='')}",
    f"/record/withdraw?iri={quote(COUNTS, safe='')}",
    "/search/region?q=noise",
    f"/record/limits?iri={quote(COUNTS, safe='')}",
    "/applications",
    "/issued",
    "/region",
    "/region/leave",
    "/rulebook",
    "/rulebook/templates",
    "/rulebook/templates?name=mobility-two-years",
    "/members/block?did=did:web:mallory.example",
    "/members/block?did=did:web:plzen.example",
    "/keys",
    "/runs",
    f"/runs?template={quote(TEMPLATE, safe='')}",
    RUN,
    f"{RUN}?row=gent-rec-009&sort=-before",
    f"{RUN}?show=hourly.hourly:light&part.partOfDay=night&row=gent-seg-017",
    f"{RUN}?show=assign.flows:vehicleHours&rows=all",
    f"/runs/{quote(RUNNING, safe='')}",
    f"/runs/{quote(FAILED, safe='')}",
    f"/runs/{quote(PLAIN, safe='')}",
    COMPARED,
    f"/runs/compare?left={quote(PLAIN)}&right={quote(RUNNING)}",
    BIND,
    f"{BIND}&input.network=&param.greenFactor=7&layer=layer-bridge",
    "/layers",
    "/layers/layer-30",
    "/layers/layer-30?feature=gent-seg-020",
    "/layers/layer-30?feature=new-001",
    "/layers/layer-30?add=1&like=gent-seg-005",
    "/layers/layer-bridge?feature=nowhere",
    f"/layers/new?target={quote(f'{BASE}/datasets/road-network', safe='')}&feature=gent-seg-017",
    "/about?check=now",
    "/datasets/staff",
    f"/record/story?iri={quote(FOR_MEMBERS, safe='')}",
    NOISE,
)


@pytest.mark.parametrize("path", OPEN_PAGES)
def test_a_stranger_reads(path: str, visitor: TestClient) -> None:
    answer = visitor.get(path)
    assert answer.status_code == 200
    assert troubles(Page(answer.text)) == []


ASSETS_OF_SCENARIOS = ("/scenarios/contributiebrug", "/models/traffic-assignment", "/datasets/road-network")


@pytest.mark.parametrize("path", [*PEOPLES_PAGES, *ASSETS_OF_SCENARIOS])
def test_a_person_reads(path: str, els: TestClient) -> None:
    answer = els.get(path)
    assert answer.status_code == 200
    assert troubles(Page(answer.text)) == []
    assert answer.headers["cache-control"] == "private, no-store"


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_in_every_language(language: str, els: TestClient) -> None:
    for path in (*OPEN_PAGES, *PEOPLES_PAGES):
        answer = els.get(path, headers={"Accept-Language": language})
        if path != "/sign-in":
            assert answer.status_code == 200, path
            assert answer.headers["content-language"] == language


def test_no_link_leads_nowhere(els: TestClient) -> None:
    """Every link to this node from every page, followed once (doors of others answer elsewhere)."""
    others = ("/api/", "/catalog.", "/feed", "/health", "/openapi.json", "/ledger/", "/.well-known/")
    queue, seen = ["/"], set[str]()
    while queue:
        path = queue.pop().partition("#")[0]
        if path in seen or len(seen) > 400:
            continue
        seen.add(path)
        answer = els.get(path)
        assert answer.status_code in (200, 303, 410), (path, answer.status_code)
        if "text/html" in answer.headers.get("content-type", ""):
            page = Page(answer.text)
            ids = {element["id"] for element in page.elements if "id" in element.attributes}
            for link in page.links():
                if link.startswith("#"):
                    assert link[1:] in ids, (path, link)
                elif link.startswith("/") and not link.startswith(others) and "/files/" not in link:
                    queue.append(link)
    assert len(seen) > 60


# the catalogue -----------------------------------------------------------------------------------------------


def test_the_start_page_counts_only_what_the_reader_may_see(visitor: TestClient, els: TestClient) -> None:
    def datasets(client: TestClient) -> str:
        tile = next(e for e in Page(client.get("/").text).all("a", class_="tile") if "kind=dataset" in e["href"])
        return tile.text.removeprefix("Datasets")

    assert (datasets(visitor), datasets(els)) == ("4", "5")


def test_what_is_hidden_does_not_exist(visitor: TestClient) -> None:
    hidden, missing = visitor.get("/datasets/staff"), visitor.get("/datasets/nothing")
    assert hidden.status_code == missing.status_code == 404
    assert hidden.text.replace("staff", "nothing") == missing.text
    for path in (*OPEN_PAGES, "/search.csv", "/search.rss"):
        text = visitor.get(path).text
        assert "Personeelsrooster" not in text
        assert "datasets/staff" not in text


def test_an_empty_catalogue_shows_how_to_begin() -> None:
    with browser(FakeNode([])) as client:
        page = Page(client.get("/").text)
        assert troubles(page) == []
        assert "hansa publish" in page.text
        assert client.get("/search").status_code == 200


def test_facets_are_links_that_add_and_take_away(read: Callable[[str], Page]) -> None:
    page = read("/search?q=verkeer")
    model = next(e for e in page.all("a", class_="facet-link") if "kind=model" in e["href"])
    assert model["href"] == "/search?q=verkeer&kind=model"
    narrowed = read(model["href"])
    chosen = narrowed.element("a", class_="facet-link chosen")
    assert (chosen["href"], chosen["aria-current"]) == ("/search?q=verkeer", "true")
    chips = [e["href"] for e in narrowed.all("a", class_="chip")]
    assert chips == ["/search?kind=model", "/search?q=verkeer"]
    assert len(narrowed.all("article", class_="hit")) == 1


def test_words_that_were_found_are_marked(read: Callable[[str], Page]) -> None:
    assert {e.text.lower() for e in read("/search?q=noise").all("mark")} == {"noise"}


def test_ten_thousand_hits_have_pages() -> None:
    first = demo_records()[3]
    many = [
        replace(first, iri=f"{BASE}/datasets/d{n}", titles={"en": f"Dataset {n}"}, at=first.at - timedelta(minutes=n))
        for n in range(10_000)
    ]
    with browser(FakeNode(many)) as client:
        page = Page(client.get("/search?page=250").text)
        assert troubles(page) == []
        assert "4,981 to 5,000 of 10,000 assets" in page.text
        assert [e["href"] for e in page.all("a", rel="next")] == ["/search?page=251"]
        assert page.element("a", aria_current="page", href="/search?page=250").text == "250"
        last = Page(client.get("/search?page=500").text)
        assert last.all("a", rel="next") == []
        beyond = Page(client.get("/search?page=9999").text)
        assert troubles(beyond) == []


def test_a_table_of_results_ends_after_a_thousand() -> None:
    first = demo_records()[3]
    many = [replace(first, iri=f"{BASE}/datasets/d{n}") for n in range(1200)]
    with browser(FakeNode(many)) as client:
        assert client.get("/search.csv").text.count("\n") == 1001
        assert client.get("/search.rss").text.count("<item>") == 50


def test_the_same_query_as_json_csv_and_rss(visitor: TestClient) -> None:
    page = Page(visitor.get("/search?q=verkeer&page=1").text)
    links = {e["type"]: e["href"] for e in page.all("a") if e.get("type") in ("application/json", "text/csv")}
    assert parse_qs(urlsplit(links["application/json"]).query) == {
        "q": ["verkeer"],
        "offset": ["0"],
        "limit": ["20"],
        "lang": ["en"],
    }
    sheet = visitor.get(links["text/csv"])
    assert sheet.headers["content-type"].startswith("text/csv")
    assert len(sheet.text.splitlines()) == 1 + len(page.all("article", class_="hit"))
    feed = visitor.get("/search.rss?q=verkeer")
    assert feed.headers["content-type"].startswith("application/rss+xml")
    assert feed.text.count("<item>") == len(page.all("article", class_="hit"))
    assert f"<link>{BASE}/datasets/traffic-counts</link>" in feed.text


def test_a_search_is_an_atom_feed(visitor: TestClient, els: TestClient) -> None:
    answer = visitor.get("/search.atom?q=verkeer&kind=dataset")
    assert answer.headers["content-type"].startswith("application/atom+xml")
    names = {"a": "http://www.w3.org/2005/Atom"}
    feed = ElementTree.fromstring(answer.text)
    entries = feed.findall("a:entry", names)
    assert len(entries) == len(Page(visitor.get("/search?q=verkeer&kind=dataset").text).all("article", class_="hit"))
    links = [link.get("href") for link in feed.findall("a:entry/a:link", names)]
    assert f"{BASE}/datasets/traffic-counts" in links
    assert [entry.findtext("a:updated", namespaces=names) for entry in entries] == sorted(
        (entry.findtext("a:updated", namespaces=names) for entry in entries), reverse=True
    )
    for path in ("/search.atom", "/search.atom?q=%22%3E%3Cscript%3E%00&kind=%22%26"):
        ElementTree.fromstring(visitor.get(path).text)
    assert "Personeelsrooster" not in visitor.get("/search.atom").text
    assert "/datasets/staff" in els.get("/search.atom").text


def test_a_search_without_results_says_which_part_to_leave_out(visitor: TestClient) -> None:
    page = Page(visitor.get("/search?q=noise&kind=schema").text)
    assert troubles(page) == []
    wider = page.element("ul", class_="hints wider")
    links = {link["href"]: link.text for link in wider.inside if link.tag == "a"}
    assert set(links) == {"/search?kind=schema", "/search?q=noise"}
    for href in links:
        found = Page(visitor.get(href).text)
        count = len(found.all("article", class_="hit"))
        assert count > 0
        assert f"· {count} asset" in wider.text
    words = Page(visitor.get("/search?q=verkeer+zzzz").text).element("ul", class_="hints wider")
    assert [link["href"] for link in words.inside if link.tag == "a"] == ["/search?q=verkeer"]
    # One part only, or nothing that helps: only the general advice.
    for query in ("q=zzzz", "q=zzzz+yyyy&kind=ontology&theme=x"):
        text = visitor.get(f"/search?{query}").text
        assert troubles(Page(text)) == []
        assert "You can try this" in text or "hints wider" in text


# an asset ----------------------------------------------------------------------------------------------------


def test_a_stranger_reads_the_conditions_and_that_it_depends(read: Callable[[str], Page]) -> None:
    page = read("/datasets/traffic-counts")
    assert "Access depends on your organisation" in page.text
    assert "31 December 2027" in page.text
    assert page.all("li", class_="missing") == []


def test_who_is_refused_reads_why_and_what_helps(visitor: TestClient) -> None:
    page = Page(visitor.get("/datasets/traffic-counts", headers={"Authorization": "Bearer brugge"}).text)
    assert "Not available to you" in page.text
    missing = page.element("li", class_="missing")
    assert "Mobility partner" in missing.text
    assert "hansa join" in missing.text


def test_free_is_said_and_the_file_is_one_click_away(read: Callable[[str], Page]) -> None:
    page = read("/datasets/road-network")
    assert "Free to use" in page.text
    link = next(e for e in page.all("a") if "download" in e.attributes)
    assert link["href"] == "/datasets/road-network/files/segments.geojson"
    assert page.all("path", class_="line")


def test_nobody_downloads_what_is_not_open(read: Callable[[str], Page]) -> None:
    files = [link for link in read("/datasets/traffic-counts").links() if "/files/" in link]
    assert files == ["/datasets/traffic-counts/files/traffic-sample.csv"]


def test_our_own_people_see_that_it_is_ours(els: TestClient) -> None:
    assert "Published by your node" in Page(els.get("/datasets/traffic-counts").text).text


def test_a_person_asks_for_it_and_watches(els: TestClient, node: FakeNode) -> None:
    page = Page(els.get(NOISE).text)
    form = page.element("form", action="/record/ask")
    fields = {e["name"]: e["value"] for e in form.inside if e.tag == "input"}
    answer = els.post("/record/ask", data=fields)
    assert answer.status_code == 303
    assert node.asked == [("http://127.0.0.1:8102/models/road-noise", None)]
    assert els.get(answer.headers["location"]).status_code == 200


def test_versions_have_their_own_urls_and_say_so(read: Callable[[str], Page]) -> None:
    old = read("/datasets/traffic-counts?version=1")
    assert "This is version 1 of 11 October 2026. There is a newer version." in old.text
    assert "/datasets/traffic-counts?version=2" in old.links()
    then = read("/datasets/traffic-counts?asOf=2026-11-09")
    assert "This page shows version 2, as it was on 9 November 2026" in then.text.replace("\u00a0", " ")
    assert "version 2" in then.text.replace("\u00a0", " ")
    new = read("/datasets/traffic-counts")
    assert not new.all("div", role="note")


@pytest.mark.parametrize(
    "query", ["version=0", "version=x", "version=-1", "version=9999999999", "asOf=soon", "asOf=9999999"]
)
def test_odd_versions_are_told_what_is_right(query: str, visitor: TestClient) -> None:
    answer = visitor.get(f"/datasets/traffic-counts?{query}")
    assert answer.status_code == 400
    page = Page(answer.text)
    assert troubles(page) == []
    assert "What you can do:" in page.text


def test_a_version_that_never_was_is_not_there(visitor: TestClient) -> None:
    assert visitor.get("/datasets/traffic-counts?version=99").status_code == 404
    assert visitor.get("/datasets/traffic-counts?asOf=1999-01-01").status_code == 404


def test_a_withdrawn_asset_leaves_a_mark(visitor: TestClient) -> None:
    answer = visitor.get("/datasets/parking")
    assert answer.status_code == 410
    page = Page(answer.text)
    assert troubles(page) == []
    assert page.element("h1").text == "Parking places"
    assert "/datasets/parking?version=1" in page.links()


def test_content_is_in_the_readers_language_and_marked_where_it_is_not(visitor: TestClient) -> None:
    dutch = Page(visitor.get("/datasets/traffic-counts", headers={"Accept-Language": "nl"}).text)
    assert dutch.element("h1").text.startswith("Verkeerstellingen")
    assert dutch.element("h1").inside[0].attributes == {}
    german = Page(visitor.get(AACHEN, headers={"Accept-Language": "cs"}).text)
    assert german.element("h1").text == LONG_TITLE
    assert german.element("h1").inside[0].attributes == {"lang": "de"}


def test_the_record_itself_in_each_syntax(visitor: TestClient) -> None:
    iri = quote(f"{BASE}/datasets/traffic-counts", safe="")
    for ending, media_type in (
        ("ttl", "text/turtle"),
        ("jsonld", "application/ld+json"),
        ("nt", "application/n-triples"),
    ):
        answer = visitor.get(f"/record.{ending}?iri={iri}&version=2")
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith(media_type)
        assert answer.headers["content-disposition"] == f'attachment; filename="traffic-counts.{ending}"'
    assert visitor.get(f"/record.exe?iri={iri}").status_code == 404
    assert visitor.get("/record.ttl?iri=").status_code == 404
    assert visitor.get(f"/record.ttl?iri={quote(BASE + '/datasets/staff', safe='')}").status_code == 404


def test_sparql_says_what_is_wrong_beside_the_query(visitor: TestClient) -> None:
    answer = visitor.get("/sparql?query=nonsense")
    assert answer.status_code == 400
    page = Page(answer.text)
    assert troubles(page) == []
    field = page.element("textarea")
    assert field.text == "nonsense"
    assert field["aria-invalid"] == "true"
    assert "expected SELECT" in page.element("p", id=field["aria-describedby"]).text


def test_a_query_that_takes_too_much_is_told_so(
    visitor: TestClient, node: FakeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def slow(*_: object, **__: object) -> tuple[bytes, str]:
        raise Overloaded("the query took more than 5 seconds", remedy="ask for less")

    monkeypatch.setattr(node, "sparql", slow)
    answer = visitor.get("/sparql?query=SELECT")
    assert answer.status_code == 503
    assert "more than 5 seconds" in answer.text


# people ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", PEOPLES_PAGES[:-4])
def test_strangers_are_asked_to_sign_in(path: str, visitor: TestClient) -> None:
    answer = visitor.get(path)
    assert answer.status_code == 303
    target = urlsplit(answer.headers["location"])
    assert target.path == "/sign-in"
    assert parse_qs(target.query)["next"][0].startswith("/")


def test_other_nodes_do_not_work_here(visitor: TestClient) -> None:
    answer = visitor.get("/decisions", headers={"Authorization": "Bearer brugge"})
    assert answer.status_code == 403
    assert troubles(Page(answer.text)) == []


def test_pages_of_a_region_are_for_regions(node: FakeNode) -> None:
    settings = PortalSettings(public_url=BASE, name="Stad Gent", secret=b"s" * 32)
    with browser(node, settings) as client:
        client.cookies.set("hansa_session", "els-session")
        assert client.get("/applications").status_code == 404
        assert client.get("/issued").status_code == 404
        assert "/applications" not in Page(client.get("/decisions").text).links()


def test_tokens_in_messages_stay_concealed(els: TestClient) -> None:
    text = els.get(f"/processes/{TRANSFER}").text
    assert "very-secret-token" not in text
    assert "authorization" in text


def test_a_message_whose_answer_was_not_read_was_taken_all_the_same(els: TestClient) -> None:
    page = Page(els.get(f"/processes/{NEGOTIATION}").text)
    sent = [one for one in page.all("li") if (one.get("class") or "").startswith("out")]
    assert [one.get("class") for one in sent] == ["out", "out"]
    assert "received, as the next message shows" in sent[0].text
    assert "answer 200" in sent[1].text


def test_a_refusal_says_what_is_missing_and_what_would_help(els: TestClient) -> None:
    """In the reader's language; what there is instead is the other side's, who had asked."""
    page = Page(els.get(f"/processes/{BROKEN}?lang=nl").text)
    why = page.element("dl", class_="why").text.replace("\u00a0", " ")
    assert "Zij hebben" in why
    assert "MobilityPartnerCredential, revoked" in why
    assert "20 november 2026" in why
    assert "Vraag Vlaanderen om u opnieuw toe te laten." in why


def test_the_agreement_says_how_it_stands_and_why(els: TestClient) -> None:
    page = Page(els.get(f"/agreements/{AGREEMENT}").text)
    assert "currently no access" in page.text
    missing = page.element("li", class_="missing")
    assert "revoked" in missing.text
    assert "20 November 2026, 09:12 UTC" in missing.text.replace("\u00a0", " ")
    (refused,) = [one for one in page.all("td") if "refused" in one.text]
    for said in ("Required", "MobilityPartnerCredential", "Ask Vlaanderen for it again."):
        assert said in refused.text
    both = Page(els.get(f"/agreements/{AGREEMENT}/document?document=both").text)
    assert {e.get("lang") for e in both.all("div")} >= {"nl", "cs"}


def test_checking_an_agreement_shows_each_step(els: TestClient) -> None:
    assert not Page(els.get(f"/agreements/{AGREEMENT}").text).all("ul", class_="checks")
    page = Page(els.get(f"/agreements/{AGREEMENT}?check=now").text)
    assert [e.get("class") for e in page.element("ul", class_="checks").inside if e.tag == "li"] == [
        "met",
        "met",
        "missing",
    ]


# the look ----------------------------------------------------------------------------------------------------


def test_a_city_brings_name_accent_and_logo(node: FakeNode, tmp_path: Path) -> None:
    logo = tmp_path / "city.png"
    logo.write_bytes(b"\x89PNG\r\n")
    settings = PortalSettings(public_url=BASE, name="Město Plzeň", accent="#a0261c", logo=logo)
    with browser(node, settings) as client:
        page = Page(client.get("/").text)
        assert "Město Plzeň" in page.element("a", class_="brand").text
        picture = next(e for e in page.all("img"))
        answer = client.get(picture["src"])
        assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
        theme = client.get(page.all("link", rel="stylesheet")[0]["href"])
        assert "--accent: #a0261c;" in theme.text


def test_static_files_are_kept_for_ever_under_their_edition(visitor: TestClient) -> None:
    page = Page(visitor.get("/").text)
    scripts = [e["src"] for e in page.all("script")]
    for address in [e["href"] for e in page.all("link", rel="stylesheet")] + scripts:
        answer = visitor.get(address)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]
        old = "/portal/old/" + address.rsplit("/", 1)[-1]
        assert visitor.get(old).headers["cache-control"] == "no-cache"
    for path in ("/portal/x/../desk.py", "/portal/x/..%2Fdesk.py", "/portal/x/desk.py", "/portal/x/%2e%2e"):
        assert visitor.get(path).status_code == 404


def test_the_search_field_offers_suggestions_with_javascript_and_works_without(visitor: TestClient) -> None:
    for path in ("/", "/search?q=fiets"):
        page = Page(visitor.get(path).text)
        assert page.element("input", id="q")["data-suggestions"] == "/api/catalogue/suggestions"
        script = next(each["src"] for each in page.all("script") if "suggest.js" in each.get("src", ""))
        assert "datalist" in visitor.get(script).text


def test_a_node_below_a_path_links_below_it(node: FakeNode) -> None:
    settings = PortalSettings(public_url="https://host.example/gent", name="Gent", secret=b"s" * 32)
    with browser(node, settings) as client:
        page = Page(client.get("https://host.example/").text)
        internal = [link for link in page.links() if link.startswith("/")]
        assert internal
        assert all(link.startswith("/gent/") for link in internal)
        for form in page.all("form"):
            assert form["action"].startswith("/gent/")


def test_members_show_how_fresh_they_are(read: Callable[[str], Page], els: TestClient) -> None:
    page = read("/members")
    assert "4 changes behind" in page.text
    assert "not reachable" in page.text
    # Why, is for people of the node: the words may name its network, as a reason of a block may name people.
    assert "no answer since 06:20" not in page.text
    assert "no answer since 06:20" in els.get("/members").text
    assert f"/search?publisher={quote(PLZEN, safe='')}" in page.links()


def test_the_node_says_who_runs_it_and_that_it_does_not_talk(read: Callable[[str], Page]) -> None:
    text = read("/about").text
    assert "Dienst Data en Informatie" in text
    assert "No telemetry" in text


def test_the_api_page_comes_from_the_description(read: Callable[[str], Page]) -> None:
    text = read("/docs/api").text
    for piece in (
        "/api/catalogue/search",
        "integer (int32)",
        "string or null",
        "The IRI of the asset",
        "Not allowed",
    ):
        assert piece in text


# errors ------------------------------------------------------------------------------------------------------


def test_a_bug_of_ours_tells_nothing(visitor: TestClient) -> None:
    answer = visitor.get("/broken")
    assert answer.status_code == 500
    page = Page(answer.text)
    assert troubles(page) == []
    assert "secret particulars" not in answer.text
    assert "ZeroDivision" not in answer.text


def test_a_wrong_method_is_told_so(visitor: TestClient) -> None:
    answer = visitor.post("/search")
    assert answer.status_code == 405
    assert troubles(Page(answer.text)) == []


def test_too_many_requests_say_when_to_return(
    visitor: TestClient, node: FakeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def busy(*_: object) -> dict[str, int]:
        raise TooMany

    monkeypatch.setattr(node, "counts", busy)
    answer = visitor.get("/")
    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "5"
    assert troubles(Page(answer.text)) == []


def test_dates_are_written_out_with_the_distance_behind(read: Callable[[str], Page]) -> None:
    time = next(e for e in read("/models/traffic-assignment").all("time"))
    assert time.text.replace("\u00a0", " ") == "13 November 2026"
    assert time["title"] == "1 week ago"
    assert time["datetime"] == (NOW - timedelta(days=7)).isoformat()


def test_a_negotiation_that_was_accepted_is_shown_as_accepted(node: FakeNode, els: TestClient) -> None:
    place, finalized = next((place, one) for place, one in enumerate(node.running) if one.process.pid == NEGOTIATION)
    request, *rest = finalized.exchanges
    node.running[place] = replace(
        finalized,
        exchanges=(
            request,
            replace(request, message="ContractOfferMessage", outgoing=True, answer_status=200),
            replace(request, message="ContractNegotiationEventMessage:ACCEPTED", answer_status=200),
            *rest,
        ),
    )
    page = Page(els.get(f"/processes/{NEGOTIATION}").text)
    steps = [one.text for one in page.element("ol", class_="way").inside if one.tag == "li"]
    assert steps == ["requested", "offered", "accepted", "agreed", "verified", "final"]
    assert "Acceptance" in page.text
    assert "Finalisation" in page.text


@pytest.mark.parametrize(
    ("table", "steps"), [(negotiating.TABLE, NEGOTIATION_STEPS), (transferring.TABLE, TRANSFER_STEPS)]
)
def test_the_way_of_a_process_knows_every_state_and_message_of_its_table(
    table: Table, steps: tuple[str, ...]
) -> None:
    assert {*steps, table.end_by_fault} == table.states
    for message in {*table.openings, *(name for _, name in table.moves)}:
        reached = {move.to for (_, name), move in table.moves.items() if name == message}
        if message in table.openings:
            reached.add(table.openings[message].to)
        assert reached == {table.leads_to(message)}, "a message that leads to two states cannot be drawn as one step"
        for language in LANGUAGES:
            assert f"message.{message}" in PORTAL.texts(language), (language, message)


class TestHowAnAssetMayBeUsed:
    """The sentence under "Access and use" must hold for every file of the asset."""

    def access_text(self, client: TestClient, path: str) -> str:
        return Page(client.get(path).text).element("section", aria_labelledby="use").text.replace("\u00a0", " ")

    def with_files(self, node: FakeNode, *open_: bool) -> None:
        iri = f"{BASE}/datasets/road-network"
        record = node.records[iri][0]
        file = record.files[0]
        files = tuple(replace(file, name=f"{place}.csv", open=one) for place, one in enumerate(open_))
        node.records[iri] = [replace(record, files=files)]

    def test_free_files_can_be_taken_now(self, node: FakeNode, visitor: TestClient) -> None:
        self.with_files(node, True, True)
        assert "You can download this now." in self.access_text(visitor, "/datasets/road-network")

    def test_a_file_under_agreement_is_not_free_to_be_taken_now(self, node: FakeNode, visitor: TestClient) -> None:
        self.with_files(node, False)
        told = self.access_text(visitor, "/datasets/road-network")
        assert "download this now" not in told
        assert "Your node first makes an agreement with the publisher’s node." in told

    def test_some_free_files_do_not_free_the_others(self, node: FakeNode, visitor: TestClient) -> None:
        self.with_files(node, True, False)
        assert "The other files need an agreement" in self.access_text(visitor, "/datasets/road-network")

    def test_what_is_described_only_is_said_to_its_own_publisher(self, node: FakeNode, els: TestClient) -> None:
        self.with_files(node, False)
        iri = f"{BASE}/datasets/road-network"
        node.records[iri] = [replace(node.records[iri][0], offer=None)]
        assert "publish it again with conditions" in self.access_text(els, "/datasets/road-network")

    def test_a_rulebook_is_there_to_be_read(self, node: FakeNode, visitor: TestClient) -> None:
        path = f"/record?iri={quote('http://127.0.0.1:8100/rulebooks/vlaanderen', safe='')}"
        told = self.access_text(visitor, path)
        assert "does not offer access" not in told
        assert "These are the rules of" in told


def test_the_recipient_sees_what_it_received_under_an_agreement(node: FakeNode, els: TestClient) -> None:
    page = Page(els.get(f"/agreements/{AGREEMENT}").text)
    assert "refused" in page.element("section", aria_labelledby="accesses").text
    contract = node.contracts[0]
    node.contracts[0] = replace(contract, agreement=replace(contract.agreement, role="consumer"), now=None)
    page = Page(els.get(f"/agreements/{AGREEMENT}").text)
    received = page.element("section", aria_labelledby="transfers").text
    assert "traffic-counts.csv" in received
    assert "18.9 MB" in received.replace("\u00a0", " ")
    assert f"hansa get {contract.agreement.dataset} --agreement {AGREEMENT}" in received
    assert "has not accessed the data" not in page.text
    node.running.clear()
    assert "not received any data" in Page(els.get(f"/agreements/{AGREEMENT}").text).text


@pytest.mark.parametrize(
    ("changes", "word"),
    [({"now": None}, "signed"), ({"now": None, "barred": True}, "blocked by this node"), ({}, "currently no access")],
)
def test_the_list_of_agreements_says_what_the_page_of_each_says(
    node: FakeNode, els: TestClient, changes: dict[str, object], word: str
) -> None:
    node.contracts[0] = replace(node.contracts[0], **changes)  # type: ignore[arg-type]
    row = next(
        one
        for one in Page(els.get("/agreements").text).all("tr")
        if quote(AGREEMENT, safe="") in str([e.attributes for e in one.inside])
    )
    assert word in row.text
    assert word in Page(els.get(f"/agreements/{AGREEMENT}").text).element("p", class_="verdict-word").text
