"""From a data file to a published data dictionary: the terminal, the record, its page and search."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
import yaml

from node.cli.exits import REFUSED
from node.cli.main import run
from tests.nodes import Running

PLACES = (
    "time,wijk,speed (km/h),e-mail\n"
    + "".join(f"2026-01-01T{hour:02}:00:00,{wijk},{hour + 0.5},h{hour}@example.org\n" for hour, wijk in enumerate(
        ["Ledeberg", "Gentbrugge", "Mariakerke", "", "Ledeberg", "Wondelgem"]
    ))
)  # fmt: skip


ASKED = {"template": "members-ask", "region": "did:web:region.example"}
"""Members ask, and a person decides: everybody sees the record."""


@pytest.fixture
def stranger(city: Running) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=city.url, timeout=60, trust_env=False) as client:
        yield client


def drafted(folder: Path, name: str = "speeds.csv", body: str = PLACES) -> Path:
    """The draft that the terminal writes for a data file."""
    data = folder / name
    data.write_text(body, "utf-8")
    assert run(["draft", str(data)]) == 0
    return data.with_suffix(".yaml")


def complete(draft: Path, **fields: object) -> Path:
    """What a steward does with a draft: a sentence, and the answers that are asked for."""
    described = yaml.safe_load(draft.read_text("utf-8"))
    described |= {"description": "Speeds of cars by district.", "contact": {"name": "M", "email": "m@example.org"}}
    draft.write_text(yaml.safe_dump({**described, **fields}, allow_unicode=True), "utf-8")
    return draft


def publish(city: Running, draft: Path) -> int:
    return run(["publish", str(draft), "--node", str(city.folder), "--as-found"])


def test_a_draft_does_not_take_the_place_of_another(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    draft = drafted(tmp_path)
    written = draft.read_bytes()
    (tmp_path / "speeds.tsv").write_text("a\tb\n1\t2\n", "utf-8")
    assert run(["draft", str(tmp_path / "speeds.tsv")]) != 0
    refusal = capsys.readouterr().err
    assert "speeds.yaml is there already" in refusal
    assert "if it describes speeds.tsv: hansa publish" in refusal
    assert draft.read_bytes() == written


def test_a_draft_says_what_the_file_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    draft = drafted(tmp_path)
    shown = capsys.readouterr()
    assert "CSV, 6 rows, 4 columns" in shown.out
    assert "may hold personal data: e-mail" in shown.err
    fields = yaml.safe_load(draft.read_text("utf-8"))
    assert fields["temporal"] == {"from": "2026-01-01T00:00:00", "to": "2026-01-01T05:00:00"}
    assert fields["resolution"] == {"time": "PT1H"}
    assert fields["conditions"] == "internal"
    time, district, speed, mail = fields["files"][0]["tables"][0]["columns"]
    assert (time["type"], time["minimum"]) == ("datetime", "2026-01-01T00:00:00")
    assert district["values"] == ["Gentbrugge", "Ledeberg", "Mariakerke", "Wondelgem"]
    assert district["empty"] == 16.7
    assert (speed["type"], speed["unit"], speed["minimum"], speed["maximum"]) == ("number", "km/h", 0.5, 5.5)
    assert mail == {"name": "e-mail", "description": None, "type": "text", "personal": "e-mail", "distinct": 6}


def test_personal_data_need_an_answer(
    city: Running, tmp_path: Path, capsys: pytest.CaptureFixture[str], stranger: httpx2.Client
) -> None:
    draft = complete(drafted(tmp_path), id="answered")
    assert publish(city, draft) == REFUSED
    refusal = capsys.readouterr()
    assert "these columns may hold personal data: e-mail" in refusal.err + refusal.out
    assert "answer: personal_data: yes" in refusal.err + refusal.out
    assert publish(city, complete(draft, personal_data=False, conditions="open")) == 0
    page = stranger.get("/datasets/answered", headers={"Accept": "text/html"}).text
    assert "Data dictionary" in page
    assert "personalDataKind" not in page
    capsys.readouterr()
    # Nobody outside is offered personal data before basis and purpose are said; one's own people may have them.
    assert publish(city, complete(draft, personal_data=True)) == REFUSED
    refusal = capsys.readouterr()
    for sentence in ("have no legal basis", "personal_basis: public-interest", "the purpose of the personal data is"):
        assert sentence in refusal.err + refusal.out
    grounds = {"personal_basis": "public-interest", "personal_purpose": "To warn of slow traffic."}
    assert publish(city, complete(draft, personal_data=True, conditions="open", **grounds)) == 0
    assert "choose conditions that need an agreement" in capsys.readouterr().err
    page = stranger.get("/datasets/answered", headers={"Accept": "text/html"}).text
    for text in ("Legal basis", "public interest", "To warn of slow traffic."):
        assert text in page, text
    record = stranger.get("/datasets/answered", headers={"Accept": "application/n-triples"}).text
    assert "<https://w3id.org/dpv#hasLegalBasis> <https://w3id.org/dpv/legal/eu/gdpr#A6-1-e>" in record
    assert publish(city, complete(draft, personal_data=True, conditions="internal")) == 0


def test_an_open_file_is_found_by_its_values(city: Running, tmp_path: Path, stranger: httpx2.Client) -> None:
    assert publish(city, complete(drafted(tmp_path), id="open", personal_data=False, conditions="open")) == 0
    hits = stranger.get("/api/catalogue/search", params={"q": "Wondelgem"}).json()["hits"]
    assert f"{city.url}/datasets/open" in [hit["iri"] for hit in hits]
    page = stranger.get("/datasets/open", headers={"Accept": "text/html"}).text
    dictionary = page[page.index(">Data dictionary") :]
    table = re.sub(r"<[^>]+>", " ", dictionary[: dictionary.index("</table>")])
    for text in ("wijk", "number", "km/h", "0.5", "5.5", "Mariakerke", "date and time"):
        assert text in table
    record = stranger.get("/datasets/open", headers={"Accept": "text/turtle"}).text
    assert "csvw:tableSchema" in record or "http://www.w3.org/ns/csvw#tableSchema" in record
    assert "XMLSchema#double" in record or "xsd:double" in record


def test_values_of_a_file_under_agreement_stay_in_the_file(
    city: Running, tmp_path: Path, stranger: httpx2.Client
) -> None:
    """Who may see only the record must not learn from it what is in the file."""
    body = PLACES.replace("Ledeberg", "Geheimstraat").replace("5.5", "77.125")
    draft = complete(drafted(tmp_path, "agreed.csv", body), personal_data=False, conditions=ASKED)
    assert publish(city, draft) == 0
    page = stranger.get("/datasets/agreed", headers={"Accept": "text/html"}).text
    assert "speed (km/h)" in page
    record = stranger.get("/datasets/agreed", headers={"Accept": "text/turtle"}).text
    hits = stranger.get("/api/catalogue/search", params={"q": "Geheimstraat"}).json()["hits"]
    assert hits == []
    for text in ("Geheimstraat", "77.125", "showsValues", "distinctValues"):
        assert text not in page
        assert text not in record
    described = yaml.safe_load(draft.read_text("utf-8"))
    described["files"][0]["tables"][0]["show_values"] = True
    assert publish(city, complete(draft, files=described["files"])) == 0
    record = stranger.get("/datasets/agreed", headers={"Accept": "text/turtle"}).text
    assert "Geheimstraat" in record
    assert "showsValues" not in record


@pytest.mark.parametrize("language", ["nl", "fr", "de", "cs"])
def test_the_dictionary_has_words_in_each_language(
    city: Running, tmp_path: Path, stranger: httpx2.Client, language: str
) -> None:
    draft = complete(drafted(tmp_path, "words.csv"), personal_data=False, conditions="open")
    assert publish(city, draft) == 0
    words = {
        "nl": ("Beschrijving van de gegevens", "datum en tijd"),
        "fr": ("Dictionnaire des données", "date et heure"),
        "de": ("Beschreibung der Daten", "Datum und Uhrzeit"),
        "cs": ("Popis dat", "datum a čas"),
    }
    page = stranger.get("/datasets/words", headers={"Accept": "text/html", "Accept-Language": language}).text
    for text in words[language]:
        assert text in page


PAGE = Path(__file__).resolve().parents[3] / "docs" / "how-to" / "describe-a-data-file.md"


def test_the_guide_says_what_happens(
    running_node: Running, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page *Describe a data file*, typed as it stands."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HANSA_NODE", str(running_node.folder))
    blocks = re.findall(r"```(\w*)\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    texts = {language: text for language, text in blocks if language}
    Path("speeds.csv").write_text(texts["csv"], "utf-8")
    draft, publication, search = [text.splitlines() for _, text in blocks if text.startswith("$ hansa ")]
    printed = typed(draft, 0, capsys)
    assert texts["yaml"] in Path("speeds.yaml").read_text("utf-8")
    for line in draft[1:]:
        assert line in printed
    filled = Path("speeds.yaml").read_text("utf-8").replace("description:    ", "description: Something.    ")
    Path("speeds.yaml").write_text(filled.replace("description:            #", "description: Speeds. #"), "utf-8")
    printed = typed(publication, REFUSED, capsys)
    for line in publication[1:]:
        assert line in printed
    answered = Path("speeds.yaml").read_text("utf-8").replace("personal_data:  ", "personal_data: no  ")
    contact = "contact: {name: M, email: m@example.org}\n"
    Path("speeds.yaml").write_text(contact + answered.replace("conditions: internal", "conditions: open"), "utf-8")
    typed(publication, 0, capsys)
    assert "Speeds" in typed(search, 0, capsys)


def typed(session: list[str], status: int, capsys: pytest.CaptureFixture[str]) -> str:
    """What a command of the page prints."""
    assert run(session[0].removeprefix("$ hansa ").split()) == status
    printed = capsys.readouterr()
    return printed.out + printed.err


def test_the_api_drafts_what_is_sent(city: Running) -> None:
    """The bytes are sent once: the draft is published with the file that it was made from."""
    with city.http(headers=city.person()) as http:
        answer = http.post("/api/drafts", content=PLACES.encode(), headers={"X-File-Name": "sent.csv"})
        assert answer.status_code == 201, answer.text
        file = answer.json()
        assert file["profile"]["tables"][0]["columns"][3]["personal"] == "e-mail"
        fields = yaml.safe_load(file["description"])
        fields |= {"description": "Speeds.", "personal_data": "no", "conditions": "open"}
        sent = {name: file[name] for name in ("name", "mediaType", "size", "sha256")}
        assert http.post("/api/records", json={"fields": fields, "files": [sent]}).status_code == 201
        refused = http.post("/api/drafts", content=b"%PDF-1.7\n", headers={"X-File-Name": "sent.pdf"})
        assert refused.status_code == 400
        assert "give one of: CSV" in refused.json()["remedy"]
        assert str(city.folder) not in refused.text
        assert http.post("/api/drafts", content=b"a", headers={"Authorization": ""}).status_code == 401


def test_a_single_place_is_published(city: Running, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A point has no area, which a description asks for: the draft says where it is, and can be published."""
    draft = drafted(tmp_path, "pole.csv", "name,lat,lon\nKouter,51.05,3.72\n")
    assert "# Place: 51.05 north, 3.72 east." in draft.read_text("utf-8")
    assert publish(city, complete(draft)) == 0, capsys.readouterr()


def test_several_tables_have_their_names(city: Running, tmp_path: Path, stranger: httpx2.Client) -> None:
    body = {
        "id": "several",
        "kind": "dataset",
        "title": "Several",
        "description": "Two tables.",
        "license": "CC0-1.0",
    }
    (tmp_path / "data.csv").write_text("a\n1\n")
    files = [
        {
            "path": "data.csv",
            "tables": [
                {"name": name, "columns": [{"name": name, "type": "date", "min": "2026-01-01", "max": "2026-02-01"}]}
                for name in ("stops", "routes")
            ],
        }
    ]
    (tmp_path / "several.yaml").write_text(yaml.safe_dump({**body, "conditions": "open", "files": files}))
    assert publish(city, tmp_path / "several.yaml") == 0
    page = stranger.get("/datasets/several", headers={"Accept": "text/html"}).text
    assert "Data dictionary: <bdi>routes</bdi>" in page
    assert "Data dictionary: <bdi>stops</bdi>" in page
    assert re.search(r"1.February.2026", page)
