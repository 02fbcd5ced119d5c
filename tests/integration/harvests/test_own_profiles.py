"""Profiles of a node's own: SHACL files in its folder, added, listed, checked, and applied to what is published."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from node.base.errors import InvalidInput
from node.cli.exits import REFUSED
from node.cli.main import run
from node.semantics.validation.profiles import references, relevant, shapes_for
from node.settings.file import load, write
from tests.nodes import described, running
from tests.portal_browser import signed_in

SHAPES = """@prefix sh: <http://www.w3.org/ns/shacl#> .
@prefix dcat: <http://www.w3.org/ns/dcat#> .
@prefix dct: <http://purl.org/dc/terms/> .
@prefix skos: <http://www.w3.org/2004/02/skos/core#> .
<https://nl.example/shapes#Dataset> a sh:NodeShape ; sh:targetClass dcat:Dataset ;
    sh:property <https://nl.example/shapes#status>, <https://nl.example/shapes#theme> .
<https://nl.example/shapes#status> sh:path dct:source ; sh:minCount 1 ;
    sh:message "the national profile demands a source"@en .
"""
MORE = """@prefix sh: <http://www.w3.org/ns/shacl#> .
@prefix dcat: <http://www.w3.org/ns/dcat#> .
<https://nl.example/shapes#theme> sh:path dcat:landingPage ; sh:class <https://nl.example/Page> .
"""


def node_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "node"
    folder.mkdir()
    write(folder, {"public_url": "https://data.gent.example"})
    monkeypatch.setenv("HANSA_NODE", str(folder))
    return folder


def test_a_profile_is_added_from_its_files_and_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = node_folder(tmp_path, monkeypatch)
    for name, text in (
        ("a.ttl", SHAPES),
        ("b.ttl", MORE),
        ("bad.ttl", "<a> <b>"),
        ("odd.ttl", ODD),
        ("terms.ttl", TERMS),
    ):
        (tmp_path / name).write_text(text, "utf-8")
    (tmp_path / "other").mkdir()
    (tmp_path / "empty").mkdir()
    (tmp_path / "official").mkdir()
    for name, text in (("a.ttl", SHAPES), ("b.ttl", MORE), ("README.md", "the files of the country")):
        # Some official files begin with a byte order mark.
        (tmp_path / "official" / name).write_text(text, "utf-8-sig")
    (tmp_path / "other" / "a.ttl").write_text(MORE, "utf-8")
    assert run(["profile", "add", "dcat-ap-nl", str(tmp_path / "official")]) == 0
    assert "1 shape\n" in (printed := capsys.readouterr()).out
    assert 'advised_profiles = ["dcat-ap-nl"]' in printed.out + printed.err
    assert run(["--json", "profile"]) == 0
    listed = json.loads(capsys.readouterr().out)["profiles"]
    assert [(row["name"], len(row["files"]), row["use"]) for row in listed] == [
        ("adms-ap", 0, ""),
        ("dcat-ap-hvd", 0, ""),
        ("dcat-ap-nl", 2, ""),
        ("dcat-ap-vl", 0, ""),
        ("geodcat-ap", 0, ""),
        ("mldcat-ap", 0, ""),
        ("mobilitydcat-ap", 0, ""),
    ]
    assert run(["profile", "check", "dcat-ap-nl"]) == 0
    assert run(["profile", "check", "dcat-ap-vl"]) == 0
    capsys.readouterr()
    names = ", ".join(row["name"] for row in listed)
    for words, reason in (
        (["add", "dcat-ap-nl", "a.ttl"], "already"),
        (["add", "../x", "a.ttl"], "cannot name a profile"),
        (["add", "bad", "bad.ttl"], "cannot be read"),
        (["add", "odd", "odd.ttl"], "are not understood"),
        (["add", "terms", "terms.ttl"], "the files have no rules of SHACL"),
        (["add", "none", str(tmp_path / "empty")], "has no files of shapes"),
        (["add", "none", "none.ttl"], "is not a file of shapes"),
        (["add", "twice", "a.ttl", "other/a.ttl"], "two of the files have the same name"),
        (["check", "dcat-ap-de"], f"the profiles are: {names}"),
    ):
        paths = [str(tmp_path / word) if word.endswith(".ttl") else word for word in words]
        assert run(["profile", *paths]) != 0, words
        assert reason in capsys.readouterr().err.replace("\n", " "), words
    assert sorted(place.name for place in (folder / "profiles").iterdir()) == ["dcat-ap-nl"], "nothing is left behind"
    write(folder, {"public_url": "https://data.gent.example", "advised_profiles": ["dcat-ap-de"]})
    with pytest.raises(InvalidInput, match=f"the profiles are: {names}"):
        load(folder)


def test_a_profile_may_come_as_a_tree_of_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = node_folder(tmp_path, monkeypatch)
    official = tmp_path / "official"
    for name, text in (
        ("README.md", "read me"),
        ("3.0/shacl/shapes.ttl", SHAPES),
        ("3.0/shacl/more/shapes.ttl", MORE),
        (".git/broken.ttl", "<a> <b>"),
    ):
        (official / name).parent.mkdir(parents=True, exist_ok=True)
        (official / name).write_text(text, "utf-8")
    (official / "again").symlink_to(official)
    assert run(["--json", "profile", "add", "nl", str(official)]) == 0
    assert json.loads(capsys.readouterr().out)["gaps"] == [], "both files were read"
    place = folder / "profiles" / "nl"
    assert sorted(str(path.relative_to(place)) for path in place.rglob("*.ttl")) == [
        "3.0/shacl/more/shapes.ttl",
        "3.0/shacl/shapes.ttl",
    ]
    assert run(["--json", "profile"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)["profiles"]}
    assert len(rows["nl"]["files"]) == 2
    (reference,) = references(["nl"], folder)
    assert shapes_for(reference).count == 1
    assert run(["profile", "check", "nl"]) == 0
    many = tmp_path / "many"
    many.mkdir()
    for number in range(201):
        (many / f"{number}.ttl").write_text("", "utf-8")
    capsys.readouterr()
    assert run(["profile", "add", "many", str(tmp_path / "many")]) == REFUSED
    assert "more than 200 files of shapes" in capsys.readouterr().err.replace("\n", " ")
    assert not (folder / "profiles" / "many").exists()


TERMS = "<https://nl.example/terms#A> a <http://www.w3.org/2002/07/owl#Class> ."
ODD = """@prefix sh: <http://www.w3.org/ns/shacl#> .
<urn:s> a sh:NodeShape ; sh:targetClass <urn:c> ; sh:sparql [ sh:select "SELECT nothing" ] .
"""


def test_faults_of_official_files_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    node_folder(tmp_path, monkeypatch)
    (tmp_path / "a.ttl").write_text(SHAPES.replace("sh:minCount 1", 'sh:minCount "1"'), "utf-8")
    assert run(["--json", "profile", "add", "nl", str(tmp_path / "a.ttl")]) == 0
    assert json.loads(capsys.readouterr().out)["gaps"] == [
        "minCount of https://nl.example/shapes#status is 1 as text, not a number",
        "https://nl.example/shapes#theme is named as a shape, but the files do not have it",
    ]
    assert run(["profile", "check", "nl"]) == 0
    assert "the files do not have it" in "".join(capsys.readouterr())


def test_a_profile_is_checked_through_the_api_and_on_a_page(
    tmp_path: Path, sqlite_template: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "node"
    gap = "https://nl.example/shapes#theme is named as a shape, but the files do not have it"
    with running(folder, template=sqlite_template) as city, city.http() as http, signed_in(city) as browser:
        for name, text in (("nl", SHAPES), ("odd", ODD), ("bad", "<a> <b>"), ("terms", TERMS)):
            (folder / "profiles" / name).mkdir(parents=True)
            (folder / "profiles" / name / "a.ttl").write_text(text, "utf-8")
        check = "/api/profiles/{}/check"
        assert http.get(check.format("nl")).status_code == 401

        def answer(name: str, **params: str) -> dict[str, Any]:
            return dict(http.get(check.format(name), headers=city.person(), params=params).raise_for_status().json())

        assert answer("nl") == {"name": "nl", "shapes": 1, "gaps": [gap], "error": ""}
        assert "maar staat niet in de bestanden" in answer("nl", language="nl")["gaps"][0]
        assert answer("geodcat-ap")["gaps"] == []
        assert answer("terms")["gaps"] == ["the files have no rules of SHACL, so this profile demands nothing"]
        assert answer("geodcat-ap")["shapes"] > 5
        assert answer("odd")["error"].startswith("The shapes are not understood: ")
        assert "profiles/bad/a.ttl cannot be read" in answer("bad")["error"]
        assert str(tmp_path) not in answer("bad")["error"]
        unknown = http.get(check.format("..%2Fkeys"), headers=city.person())
        assert unknown.status_code == 404
        absent = http.get(check.format("none"), headers=city.person())
        assert (absent.status_code, "geodcat-ap" in absent.text) == (404, True)
        page = browser.get("/quality/profiles/nl").text
        assert gap in page
        assert "Restart the node to use it" in page
        assert "understands all rules" in browser.get("/quality/profiles/geodcat-ap").text
        assert "not understood" in browser.get("/quality/profiles/odd").text
        assert browser.get("/quality/profiles/none").status_code == 404
        monkeypatch.setenv("HANSA_NODE", city.url)
        monkeypatch.setenv("HANSA_TOKEN", city.person()["Authorization"].removeprefix("Bearer "))
        assert run(["profile", "check", "nl"]) == 0
        assert "the files do not have it" in "".join(capsys.readouterr())
        assert run(["profile", "check", "odd"]) == REFUSED
        assert "not understood" in "".join(capsys.readouterr())
        assert run(["profile", "list"]) == 0
        assert "geodcat-ap" in capsys.readouterr().out


def test_a_class_that_is_stated_elsewhere_is_not_demanded(tmp_path: Path) -> None:
    place = tmp_path / "profiles" / "nl"
    place.mkdir(parents=True)
    (place / "a.ttl").write_text(SHAPES, "utf-8")
    (place / "b.ttl").write_text(MORE, "utf-8")
    (reference,) = references(["nl"], tmp_path)
    dataset = "<urn:d> <http://www.w3.org/1999/02/22-rdf-syntax-ns#type> <http://www.w3.org/ns/dcat#Dataset> .\n"
    page = "<urn:d> <http://www.w3.org/ns/dcat#landingPage> <https://city.example/p> .\n"
    document = (dataset + page).encode()
    breaches = shapes_for(reference).breaches(document)
    assert len(breaches) == 2
    (breach,) = relevant(breaches, reference, document)
    assert breach.path.endswith("source")
    typed = document + b"<https://city.example/p> <http://www.w3.org/1999/02/22-rdf-syntax-ns#type> <urn:other> .\n"
    assert len(relevant(shapes_for(reference).breaches(typed), reference, typed)) == 2


def test_an_enforced_profile_of_its_own_refuses_what_breaks_it(
    tmp_path: Path,
    sqlite_template: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = tmp_path / "node"
    with running(folder, template=sqlite_template) as city:
        monkeypatch.setenv("HANSA_NODE", str(folder))
        (tmp_path / "a.ttl").write_text(SHAPES, "utf-8")
        (tmp_path / "b.ttl").write_text(MORE, "utf-8")
        assert run(["profile", "add", "dcat-ap-nl", str(tmp_path / "a.ttl"), str(tmp_path / "b.ttl")]) == 0
        port = urlsplit(city.node.parts.base).port
    settings = folder / "hansa.toml"
    settings.write_text(
        f'advised_profiles = ["mobilitydcat-ap"]\nenforced_profiles = ["dcat-ap-nl"]\n{settings.read_text("utf-8")}',
        "utf-8",
    )
    with running(folder, port=port):
        fields = described("plain")
        description = tmp_path / "plain.yaml"
        description.write_text(json.dumps(fields), "utf-8")
        assert run(["publish", str(description)]) == REFUSED
        assert "the national profile demands a source" in "".join(capsys.readouterr())
        fields |= {"source": "https://city.example/register", "landing_page": "https://city.example/plain"}
        description.write_text(json.dumps(fields), "utf-8")
        assert run(["publish", str(description)]) == 0
        shown = "".join(capsys.readouterr())
        assert "hint of profiles" in shown, "the theme is Transport"
        assert "mobilityDCAT-AP" in shown
