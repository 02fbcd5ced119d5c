"""The map of members: where it says that they are, and why; marks that do not need colours; nothing of names acts."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from node.base.errors import Overloaded
from node.portal.drawing.land import Projection, ground
from node.portal.drawing.member_map import SHAPES, MemberMark, draw_members
from node.portal.map_files import map_files
from node.portal.settings import PortalSettings
from node.portal.views.member_places import MemberPlaces
from node.portal.views.region import Member
from node.semantics.codelists.places import place_in
from tests.fakes.portal.node import BASE, ELS, FakeNode
from tests.unit.portal.conftest import browser
from tests.unit.portal.page import Page, troubles

ENGLISH = {"Accept-Language": "en"}
ACTS = '<img src=x onerror=alert(1)>"'


class Catalogue:
    """Answers searches for the datasets of a node with ``boxes``, and counts them."""

    def __init__(self, boxes: Sequence[Any]) -> None:
        self.boxes = boxes
        self.searches: list[Any] = []

    async def search(self, query: Any, caller: Any) -> Any:
        assert caller.is_anonymous, "what everybody may see is the source"
        self.searches.append(query.nodes)
        if not self.boxes:
            raise Overloaded
        record = type("Record", (), {})
        hits = [type("Hit", (), {"record": type("R", (record,), {"extra": {"bbox": box}})}) for box in self.boxes]
        return type("Hits", (), {"hits": hits})


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("Stad Gent", "Gent"),
        ("City of Ghent, mobility", "Gent"),
        ("Pilsen", "Plzeň"),
        ("Vlaanderen", "Vlaanderen"),
        ("Plzeňský kraj", "Plzeňský kraj"),
        ("België", None),
        ("Genthof", None),
        ("", None),
    ],
)
def test_a_place_is_found_in_a_name_by_whole_words(name: str, place: str | None) -> None:
    match = place_in(name)
    assert (match.name if match else None) == place


async def test_a_member_is_where_its_name_or_its_datasets_say() -> None:
    catalogue = Catalogue(
        [["3.0", "51.0", "3.2", "51.2"], ["2", "49", "9", "55"], None, ["3.4", "51", "3.6", "51.2"]]
    )
    places = MemberPlaces(catalogue)  # type: ignore[arg-type]
    named = Member(id="did:web:a", name="Stad Brugge", url="", assets=4)
    other = Member(id="did:web:b", name="Mobilidata", url="", assets=4)
    empty = Member(id="did:web:c", name="Nobody", url="", assets=0)
    first, second = await places.places([named, other, empty])
    assert (first.id, first.name) == (named.id, "Brugge")
    assert (second.id, second.name) == (other.id, "")
    assert (second.longitude, second.latitude) == pytest.approx((3.3, 51.1)), "the area of a country says no place"
    await places.places([named, other, empty])
    assert catalogue.searches == [("did:web:b",)], "one search for a member, and none for a name that says it"
    await places.places([replace(other, assets=5)])
    assert len(catalogue.searches) == 2, "a changed catalogue is looked at again"


@pytest.mark.parametrize(
    "box",
    [["nan"] * 4, [{}, 1, 2, 3], ["a", "b", "c", "d"], "1234", [1e400, 0, 1e400, 1], [500, 0, 501, 1], [1], 7, None],
)
async def test_what_another_node_writes_as_an_area_harms_no_page(box: object) -> None:
    member = Member(id="did:web:b", name="Mobilidata", url="", assets=4)
    assert await MemberPlaces(Catalogue([box])).places([member]) == []  # type: ignore[arg-type]


async def test_a_busy_catalogue_leaves_members_without_a_place() -> None:
    catalogue = Catalogue([])
    members = [Member(id=f"did:web:m{number}", name=f"M{number}", url="", assets=1) for number in range(64)]
    assert await MemberPlaces(catalogue).places(members) == []  # type: ignore[arg-type]
    assert len(catalogue.searches) <= 16, "a page does not search without end"


def mark(name: str, longitude: float, latitude: float, state: str = "ok") -> MemberMark:
    return MemberMark(
        name=name, words=f"{name} – x", state=state, link="/members#m", longitude=longitude, latitude=latitude
    )


def test_marks_differ_by_shape_lie_apart_and_nothing_in_them_acts() -> None:
    picture = draw_members([mark(ACTS, 3.7, 51.0, state) for state in SHAPES], None)
    assert picture is not None
    assert not picture.has_ground
    assert ACTS not in picture.inside
    assert len(set(SHAPES.values())) == len(SHAPES)
    assert all(f'd="{shape}"' in picture.inside for shape in SHAPES.values())
    assert picture.inside.count("translate(320 ") == 1, "three members of one town are three marks"
    assert draw_members([], None) is None


def test_names_cover_neither_marks_nor_each_other() -> None:
    names = [f"Stad nummer {number}" for number in range(12)]
    marks = [mark(name, 3.7 + number % 4 * 0.02, 51.0 + number // 4 * 0.01) for number, name in enumerate(names)]
    picture = draw_members([*marks, mark("far", 9.0, 53.0)], None)
    assert picture is not None
    places = [
        (float(x), float(y), anchor, len(text) * 8)
        for x, y, anchor, text in re.findall(
            r'<text x="([\d.]+)" y="([\d.]+)" text-anchor="(\w+)" aria-hidden="true">([^<]+)<', picture.inside
        )
    ]
    assert 2 <= len(places) < 13
    boxes = [
        (x - {"start": 0, "end": length, "middle": length / 2}[anchor], y, length) for x, y, anchor, length in places
    ]
    for number, (x, y, length) in enumerate(boxes):
        assert all(
            abs(y - b) >= 16 or x >= a + other - 1 or a >= x + length - 1 for a, b, other in boxes[number + 1 :]
        )


def test_many_members_far_apart_are_drawn_without_names() -> None:
    picture = draw_members([mark(f"m{number}", -170 + number * 5, 70 - number) for number in range(64)], None)
    assert picture is not None
    assert "<text" not in picture.inside
    assert picture.width * 0.4 < picture.height < picture.width


def test_the_ground_is_cut_to_the_part_that_is_shown(tmp_path: Path) -> None:
    square, far = [0, 0, 1000, 0, 1000, 1000, 0, 1000], [9000, 0, 9100, 0, 9100, 100]
    line = [-500, 500, 500, 500, 1500, 500]
    (tmp_path / "land.json").write_text(json.dumps({"land": [square, far], "borders": [line]}), "utf-8")
    projection = Projection(box=(4.0, -2.0, 6.0, 2.0), width=200)
    area, borders = ground(tmp_path / "land.json", projection)
    assert area.count("M") == 1
    corners = {tuple(map(int, pair.split())) for pair in area.strip("MZ").split("L")}
    assert corners == {(0, 0), (200, 0), (200, 200), (0, 200)}, "south of the equator is sea"
    assert borders == ""
    assert ground(tmp_path / "absent.json", projection) == ("", "")


def test_many_readers_at_once_have_the_land_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, reads = tmp_path / "land.json", []
    file.write_text(json.dumps({"land": [[0, 0, 1000, 0, 1000, 1000]], "borders": []}), "utf-8")
    read = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: (reads.append(path), read(path))[1])
    boxes = [(4.0, 1.0, 6.0, 2.0 + number % 4) for number in range(64)]
    with ThreadPoolExecutor(16) as threads:
        grounds = list(threads.map(lambda box: ground(file, Projection(box=box, width=200)), boxes))
    assert reads == [file]
    assert len(set(grounds)) == 4


def test_pages_show_the_map_and_lead_to_the_members(tmp_path: Path) -> None:
    (tmp_path / "assets.json").write_text("{}", "utf-8")
    land = {"land": [[0, 4000, 2000, 4000, 2000, 6000, 0, 6000]], "borders": [[300, 5000, 500, 5100]]}
    (tmp_path / "land.json").write_text(json.dumps(land), "utf-8")
    settings = PortalSettings(public_url=BASE, name="Stad Gent", secret=b"s" * 32, maps=map_files(tmp_path))
    node = FakeNode()
    node.sessions["els-session"] = ELS
    with browser(node, settings) as client:
        client.cookies.set("hansa_session", "els-session")
        for path in ("/members", "/region"):
            text = client.get(path, headers=ENGLISH).text
            page = Page(text)
            assert troubles(page) == []
            [link] = [link for link in page.elements if link.attributes.get("aria-label", "").startswith("Plzeň")]
            assert link["aria-label"] == "Plzeň – behind or not read yet"
            assert "Natural Earth" in text
            anchor = link["href"].partition("#")[2]
            assert f'id="{anchor}"' in client.get("/members", headers=ENGLISH).text
        assert client.get("/portal/any/map/land.json").status_code == 404, "it is for drawings only"


def test_members_without_a_place_are_named_beside_the_map() -> None:
    node = FakeNode()
    members = [*node.members(), Member(id="did:web:x.example", name=ACTS, url="", assets=0)]
    node.members = lambda: members  # type: ignore[method-assign]
    with browser(node) as client:
        text = client.get("/members", headers=ENGLISH).text
    assert troubles(Page(text)) == []
    assert "Without a known place:" in text
    assert ACTS not in text
    assert "Natural Earth" not in text, "a node without the file has a map without ground"
