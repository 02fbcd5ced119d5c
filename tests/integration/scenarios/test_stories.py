"""Stories of published results at real nodes: for strangers, in frames and files, at other nodes; what they hide."""

from __future__ import annotations

import hashlib
import html
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from node.client import Refusal
from node.scenarios.runs import publication
from node.scenarios.stories.statement import STORY
from tests.nodes import Pair, Running, described, running, until
from tests.portal_browser import post, signed_in
from tests.runs import TRANSFORMATION, layer, publish_walking, run, scenario, streets_binding
from tests.terminal import asked, typed

HOSTILE = "<script>alert(1)</script>\"' <img src=x onerror=alert(1)>"
WORDS = {
    "title": {"en": f"What if the street were shorter? {HOSTILE}", "nl": "Wat als de straat korter was?"},
    "introduction": {"en": f"We asked a model.\n\nIt answered. {HOSTILE}"},
    "caveat": {"en": f"Nobody was asked to walk. {HOSTILE}"},
}
CONDITIONED = {
    "permission": [
        {
            "action": "odrl:use",
            "constraint": [
                {
                    "leftOperand": "odrl:purpose",
                    "operator": "odrl:isAnyOf",
                    "rightOperand": [{"@id": "https://w3id.org/dpv#ResearchAndDevelopment"}],
                }
            ],
        }
    ]
}
PAGES = ("/", "/search", "/about", "/record?iri={iri}", "/record/story?iri={iri}", "/record/story.html?iri={iri}")


def streets(at: Running, *, conditions: Any = "open", audience: str | None = None) -> None:
    """Two streets with their places, and the scenario over them."""
    features = [
        {
            "type": "Feature",
            "properties": {"segmentId": name, "length": length},
            "geometry": {"type": "LineString", "coordinates": [[3.72 + place, 51.05], [3.73 + place, 51.06]]},
        }
        for name, length, place in (("a", 1000, 0.0), ("b", 250, 0.02))
    ]
    body = json.dumps({"type": "FeatureCollection", "features": features}).encode()
    path = at.folder / "streets.geojson"
    path.write_bytes(body)
    file = {
        "name": path.name,
        "mediaType": "application/geo+json",
        "size": len(body),
        "sha256": hashlib.sha256(body).hexdigest(),
    }
    request = {"fields": described("streets"), "files": [file], "conditions": conditions}
    with at.client() as client:
        client.upload(path)
        client.publish({**request, **({"audience": audience} if audience else {})})


def make(at: Running, *, model: Any = "open", data: Any = "open", **scenario_terms: Any) -> None:
    """Publish model, streets, transformation and scenario under conditions."""
    iri = publish_walking(at, conditions=model)
    streets(at, conditions=data)
    with at.client() as client:
        client.publish({"fields": TRANSFORMATION, "conditions": "open"})
        client.publish({"fields": {**scenario(iri), "spatial": "Gent"}, "conditions": "open", **scenario_terms})


def result(at: Running, slug: str, *, story: Any = None, **request: Any) -> str:
    """Run the scenario with the shorter street, and publish the result; its address."""
    with at.client() as client:
        saved = client.scenarios.save_layer({**layer(), "reason": f"A bridge {HOSTILE}"})
        outcome = run(at, {**streets_binding(), "layers": [saved["id"]]})
        assert outcome["state"] == "successful", outcome
        body = {"id": slug, "title": f"Shorter {slug}", **({"story": story} if story else {}), **request}
        return str(client.scenarios.publish(outcome["pid"], body)["iri"])


def story_of(at: Running, iri: str, **params: str) -> dict[str, Any]:
    """The story as a stranger gets it from the API."""
    with at.http() as http:
        answer = http.get("/api/catalogue/story", params={"iri": iri, **params})
        assert answer.status_code == 200, answer.text
        return dict(answer.json())


def page(at: Running, path: str, **headers: str) -> Any:
    with at.http(headers={"Accept": "text/html", "Accept-Language": "en", **headers}) as http:
        return http.get(path)


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("story") / "ghent", template=sqlite_template) as node:
        make(node)
        yield node


@pytest.fixture(scope="module")
def public(city: Running) -> str:
    return result(city, "public", story=WORDS)


class TestForEverybody:
    def test_the_page_tells_question_changes_figures_caveats_and_making(self, city: Running, public: str) -> None:
        answer = page(city, f"/record/story?iri={quote(public, safe='')}")
        assert answer.status_code == 200
        text = html.unescape(re.sub(r"<[^>]+>", " ", answer.text)).replace("\u00a0", " ")
        for words in (
            "What if the street were shorter?",
            "We asked a model.",
            "Less time.",
            "A walk through the streets",
            "Gent",
            "A shorter street",
            "1 feature changed",
            "1,000 → 500",
            "900 s → After 540 s",
            "−360 better",
            "Nobody was asked to walk.",
            "made up for a test",
            "The same data",
            "Walking",
            "Creative Commons Attribution 4.0",
            f"Version 1. {public}",
        ):
            assert words in " ".join(text.split()), words
        assert '<svg class="plate"' in answer.text
        assert "<title>a: 12.00 → 6.00 min (−6.00)</title>" in answer.text.replace("\u00a0", " ")

    def test_words_of_people_are_text(self, city: Running, public: str) -> None:
        for path in ("/record/story", "/record/story/embed", "/record/story.html"):
            answer = page(city, f"{path}?iri={quote(public, safe='')}")
            assert answer.status_code == 200, path
            assert "<script>alert" not in answer.text, path
            assert "<img src=x" not in answer.text, path
            assert "&lt;script&gt;alert(1)&lt;/script&gt;" in answer.text, path
        whole = page(city, f"/record/story?iri={quote(public, safe='')}").text
        [snippet] = re.findall(r"<code>(&lt;iframe.*?)</code>", whole, re.DOTALL)
        lines = html.unescape(snippet)
        assert lines.count("<") == 2, "the title of the frame ends no attribute"
        assert f"{city.url}/record/story/embed?iri={quote(public, safe='')}" in lines.replace("&amp;", "&")

    def test_the_languages_of_the_words(self, city: Running, public: str) -> None:
        dutch = page(city, f"/record/story?iri={quote(public, safe='')}&lang=nl").text
        assert "Wat als de straat korter was?" in dutch
        assert 'lang="en"' in dutch, "a text in another language says so"

    def test_the_api_says_the_same(self, city: Running, public: str) -> None:
        published = story_of(city, public)
        story = published["story"]
        assert published["public"] is published["recorded"] is True
        assert story["words"]["introduction"]["en"] == WORDS["introduction"]["en"]
        assert story["goal"] == {"en": "Less time."}
        assert [(one["name"], one["before"], one["after"]) for one in story["indicators"]] == [("seconds", 900, 540)]
        assert story["layers"][0]["edits"] == [
            {"op": "update", "id": "a", "column": "length", "before": 1000, "after": 500}
        ]
        assert {one["kind"] for one in story["assets"]} == {"dataset", "model", "transformation"}
        assert '"author"' not in json.dumps(published), "people of the node are not named"
        assert published["result"]["places"] == ["Gent"]
        with city.http() as http:
            features = http.get(published["mapFile"]).json()["features"]
        assert [(one["id"], one["properties"]["change"]) for one in features] == [("a", -6), ("b", 0)]

    def test_links_lead_to_it(self, city: Running, public: str) -> None:
        link = f"/record/story?iri={quote(public, safe='')}"
        assert link in page(city, public).text
        with city.client() as client:
            [pid] = [one["pid"] for one in client.scenarios.runs() if one.get("published") == public]
        with signed_in(city) as browser:
            assert link in browser.get(f"/runs/{quote(pid, safe='')}").text

    def test_the_terminal(
        self, city: Running, public: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
    ) -> None:
        status, shown = typed(city, capsys, "story", public)
        assert status == 0, shown
        for words in ("What if the street", "Less time.", "length: 1,000 → 500", "540", "-360", "synthetic: Counts"):
            assert words in shown, words
        assert asked(city, capsys, "story", "dataset/public")["iri"] == public
        path = tmp_path / "story.html"
        assert typed(city, capsys, "story", public, "--output", str(path))[0] == 0
        text = path.read_text("utf-8")
        assert "<style>" in text
        assert "<svg" in text
        assert not re.findall(r'(?:src|href)="/', text), "a file needs nothing beside it"
        assert "<link" not in text
        assert "<script" not in text
        status, shown = typed(city, capsys, "story", f"{city.url}/datasets/streets")
        assert status != 0
        assert "no story" in shown


class TestInFrames:
    def test_only_the_story_can_be_framed(self, city: Running, public: str) -> None:
        iri = quote(public, safe="")
        framed = page(city, f"/record/story/embed?iri={iri}")
        policy = framed.headers["content-security-policy"]
        assert "frame-ancestors *" in policy
        assert "default-src 'none'" in policy
        assert "x-frame-options" not in framed.headers
        for path in PAGES:
            other = page(city, path.format(iri=iri))
            assert other.status_code == 200, path
            assert other.headers["x-frame-options"] == "DENY", path
            assert "frame-ancestors 'none'" in other.headers["content-security-policy"], path

    def test_it_has_no_cookies_scripts_or_forms(self, city: Running, public: str) -> None:
        path = f"/record/story/embed?iri={quote(public, safe='')}"
        plain = page(city, f"{path}&lang=nl")
        assert "set-cookie" not in plain.headers
        assert 'lang="nl"' in plain.text
        for mark in ("<script", "<form", "csrf", "<nav", "/sign-in"):
            assert mark not in plain.text, mark
        with signed_in(city) as browser:
            browser.cookies.set("hansa_lang", "cs")
            assert browser.get(f"{path}&lang=nl").text == plain.text, "whoever asks gets the same"
        assert all('target="_blank"' in one for one in re.findall(r"<a [^>]+>", plain.text))

    def test_what_is_not_public_is_not_framed(self, city: Running, public: str) -> None:
        for iri in (f"{city.url}/datasets/nothing", f"{city.url}/datasets/streets", ""):
            answer = page(city, f"/record/story/embed?iri={quote(iri, safe='')}&lang=nl")
            assert answer.status_code == 404, iri
            assert answer.headers["x-frame-options"] == "DENY", iri
            assert "set-cookie" not in answer.headers, iri
        assert page(city, f"/record/story/embed?iri={quote(public, safe='')}&version=x").status_code == 400

    def test_the_setting_names_the_sites(self, tmp_path: Path, sqlite_template: Path) -> None:
        folder = tmp_path / "closed"
        with running(folder, template=sqlite_template, story_sites=["https://www.ghent.example"]) as node:
            make(node)
            iri = result(node, "result")
            answer = page(node, f"/record/story/embed?iri={quote(iri, safe='')}")
            assert answer.headers["content-security-policy"].endswith("frame-ancestors https://www.ghent.example")
        settings = (folder / "hansa.toml").read_text()
        (folder / "hansa.toml").write_text(re.sub(r"story_sites = .*", "story_sites = []", settings))
        port = int(re.search(r"port = (\d+)", settings)[1])  # type: ignore[index]
        with running(folder, template=sqlite_template, port=port) as node:
            assert page(node, f"/record/story/embed?iri={quote(iri, safe='')}").status_code == 404
            whole = page(node, f"/record/story?iri={quote(iri, safe='')}").text
            assert "iframe" not in whole
            assert "lets no other site show its stories" in whole


class TestHidden:
    def test_a_model_that_is_not_public_is_not_named(self, tmp_path: Path, sqlite_template: Path) -> None:
        with running(tmp_path / "city", template=sqlite_template) as node:
            make(node, model="internal")
            iri = result(node, "secret-model")
            published = story_of(node, iri)
            kinds = [(one["kind"], "iri" in one) for one in published["story"]["assets"]]
            assert ("model", False) in kinds
            with node.http() as http:
                description = http.get(iri, headers={"Accept": "text/turtle"}).text
            texts = [json.dumps(published), description.replace("/models/walking", "")]
            texts += [
                page(node, f"{path}?iri={quote(iri, safe='')}").text
                for path in ("/record/story", "/record/story/embed")
            ]
            for text in texts:
                assert "Walking" not in text
                assert "time on foot" not in text.casefold()
            assert "1 asset that is not public" in texts[2]

    def test_a_scenario_that_is_not_public(self, tmp_path: Path, sqlite_template: Path) -> None:
        with running(tmp_path / "city", template=sqlite_template) as node:
            make(node, audience="internal")
            with node.client() as client:
                pid = run(node)["pid"]
                with pytest.raises(Exception, match="title of its own"):
                    client.scenarios.publish(pid, {"id": "untitled"})
            iri = result(node, "secret-question")
            published = story_of(node, iri)
            with node.http() as http:
                description = http.get(iri, headers={"Accept": "text/turtle"}).text
            shown = page(node, f"/record/story?iri={quote(iri, safe='')}").text
            for text in (json.dumps(published), description, shown):
                assert "walk through the streets" not in text
                assert "Less time" not in text
            assert "titles" not in published["story"]["indicators"][0]

    def test_data_that_not_everybody_may_use_give_no_places_and_values(
        self, tmp_path: Path, sqlite_template: Path
    ) -> None:
        with running(tmp_path / "city", template=sqlite_template) as node:
            make(node, data=CONDITIONED)
            iri = result(node, "restricted")
            published = story_of(node, iri)
            story = published["story"]
            assert story["figures"] is False
            assert "indicators" not in story
            assert story["mapAbsence"] == "conditions"
            assert "edits" not in story["layers"][0]
            text = json.dumps(published)
            assert not re.search(r"\b(900|540)\b", text)
            shown = page(node, f"/record/story?iri={quote(iri, safe='')}").text
            assert "not everybody may use this result" in shown
            assert not re.search(r"\b540\b", shown)
            with node.http() as http:
                assert http.get(f"{iri}/files/map.geojson").status_code == 404

    def test_what_is_hidden_later_is_hidden_in_the_story(self, tmp_path: Path, sqlite_template: Path) -> None:
        with running(tmp_path / "city", template=sqlite_template) as node:
            make(node)
            iri = result(node, "once-public")
            assert "Walking" in json.dumps(story_of(node, iri))
            publish_walking(node, conditions="internal")
            later = story_of(node, iri)
            assert "Walking" not in json.dumps(later)
            assert ("model", False) in [(one["kind"], "iri" in one) for one in later["story"]["assets"]]
            with node.client() as client:
                client.withdraw(iri, reason="a mistake in the data")
            for path in ("/record/story", "/record/story/embed", "/record/story.html"):
                assert page(node, f"{path}?iri={quote(iri, safe='')}").status_code == 410, path


def test_the_form_takes_the_words(city: Running) -> None:
    with city.client() as client:
        saved = client.scenarios.save_layer(layer())
        pid = quote(run(city, {**streets_binding(), "layers": [saved["id"]]})["pid"], safe="")
    with signed_in(city) as browser:
        form = browser.get(f"/runs/{pid}").text
        assert 'name="story.introduction.en"' in form
        assert 'name="story.caveat.cs"' in form
        fields = {"title": "From the form", "story.title.en": "Asked in a form", "story.caveat.nl": "Pas op."}
        long = post(browser, f"/runs/{pid}", f"/runs/{pid}/publish", **fields, **{"story.title.cs": "x" * 201})
        assert long.status_code == 400
        assert "Asked in a form" in long.text, "nothing has to be typed again"
        answer = post(browser, f"/runs/{pid}", f"/runs/{pid}/publish", **fields)
        assert answer.status_code == 303, answer.text
    story = story_of(city, f"{city.url}/datasets/from-the-form")["story"]
    assert story["words"] == {"title": {"en": "Asked in a form"}, "caveat": {"nl": "Pas op."}}


@pytest.mark.parametrize(
    ("story", "words"),
    [
        ("text", "is not an object"),
        ({"title": "What if"}, "is not an object of texts"),
        ({"title": {"not a tag": "x"}}, "not the tag of a language"),
        ({"title": {"en": 7}}, "is not a text"),
        ({"title": {"en": "x" * 201}}, "at most 200"),
        ({"html": {"en": "<b>"}}, "is not known"),
        ({"figure": "no.such:figure"}, "has no figure"),
        ({"figure": 7}, "is not a text"),
    ],
)
def test_words_that_cannot_be_used_are_refused(city: Running, story: Any, words: str) -> None:
    with city.client() as client:
        earlier = client.scenarios.runs("scenario/walks")
        pid = earlier[0]["pid"] if earlier else run(city)["pid"]
        with pytest.raises(Exception, match=words):
            client.scenarios.publish(pid, {"id": "refused", "title": "Refused", "story": story})
        with pytest.raises(Exception, match="no such asset"):
            client.record(f"{city.url}/datasets/refused")


def test_the_terminal_takes_the_words(city: Running, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    pid = run(city)["pid"]
    path = tmp_path / "story.yaml"
    path.write_text("title: {en: Told in a file}\ncaveat: {en: Only two streets.}\n")
    status, shown = typed(city, capsys, "run", "publish", pid, "--id", "from-a-file", "--story", str(path))
    assert status == 0, shown
    story = story_of(city, f"{city.url}/datasets/from-a-file")["story"]
    assert story["words"] == {"title": {"en": "Told in a file"}, "caveat": {"en": "Only two streets."}}
    assert "layers" not in story
    assert story["indicators"][0]["before"] is None


def test_a_result_that_was_published_without_a_story(city: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_statement(iri: str, story: Any) -> str:
        return f"<{iri}> <http://purl.org/dc/terms/type> <http://www.w3.org/ns/dcat#Dataset> ."

    monkeypatch.setattr(publication, "story_statement", no_statement)
    iri = result(city, "earlier")
    with city.http() as http:
        assert STORY not in http.get(iri, headers={"Accept": "application/n-quads"}).text
    published = story_of(city, iri)
    assert published["recorded"] is False
    assert published["story"]["goal"] == {"en": "Less time."}, "its scenario is here"
    assert published["story"]["indicators"][0]["after"] == 540
    assert published["story"]["layers"][0]["title"] == "A shorter street"
    shown = page(city, f"/record/story?iri={quote(iri, safe='')}").text
    assert "published without a story" in shown
    assert "not known here whether the models gave warnings" in shown


def test_a_node_with_only_the_record_tells_it_too(pair: Pair) -> None:
    owner, follower = pair.provider, pair.consumer
    make(owner)
    iri = result(owner, "told-elsewhere", story=WORDS)
    with follower.client() as client:
        client.follow(owner.url)
    until("the record arrives", lambda: page(follower, f"/record?iri={quote(iri, safe='')}").status_code == 200)
    published = story_of(follower, iri)
    assert published["story"]["indicators"][0]["after"] == 540
    assert published["mapIsElsewhere"] is True
    path = f"/record/story?iri={quote(iri, safe='')}"
    shown = page(follower, path).text
    assert "We asked a model." in shown
    assert "are not at this node" in shown
    with signed_in(follower) as browser:
        assert '<svg class="plate"' in browser.get(path).text, "for its own people the node fetches the map"
    assert '<svg class="plate"' in page(follower, path).text, "and has it from then on"


class TestDataThatAreOfferedToNobody:
    def test_the_publisher_chooses_the_conditions(
        self, tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path
    ) -> None:
        with running(tmp_path_factory.mktemp("withheld") / "ghent", template=sqlite_template) as node:
            make(node, data=None)
            with node.client() as client:
                outcome = run(node, streets_binding())
                assert outcome["state"] == "successful", outcome
                pid = outcome["pid"]
                with pytest.raises(Refusal, match="is offered to nobody"):
                    client.scenarios.publish(pid, {"id": "by-default", "title": "By default"})
                with signed_in(node) as browser:
                    form = browser.get(f"/runs/{pid}").text
                    assert "is offered to nobody. Choose the conditions of the result" in html.unescape(form)
                    assert 'name="conditions" required' in form
                    refusal = post(browser, f"/runs/{pid}", f"/runs/{pid}/publish", title="By default", conditions="")
                    assert "the result has no conditions to inherit" in html.unescape(refusal.text)
                with node.http() as stranger:
                    assert "By default" not in stranger.get("/search", headers={"Accept": "text/html"}).text
                asset = client.scenarios.publish(pid, {"id": "chosen", "title": "Chosen", "conditions": "open"})
            assert page(node, f"/record/story?iri={quote(asset['iri'], safe='')}").status_code == 200
