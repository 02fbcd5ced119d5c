"""The contract of ``node.catalogue.ports.SearchIndex``, passed by the fake and by tantivy."""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from node.adapters.search.fields import LAYOUT
from node.adapters.search.index import TantivyIndex
from node.adapters.search.snippets import snippet
from node.adapters.search.stems import analyzer
from node.adapters.search.words import words_of
from node.base.errors import LocalFault, NoRoom
from node.catalogue.model import IndexFields
from node.catalogue.ports import SearchIndex
from node.catalogue.searches import Cursor, Order, OtherLabel, Query, Results
from tests.fakes.search import MemorySearchIndex

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def indexed(name: str, title: str = "", text: str = "", **more: Any) -> IndexFields:
    record = IndexFields(
        iri=f"http://ghent.example/datasets/{name}",
        audience="public",
        kind="dataset",
        titles={"en": title or name},
        texts={"en": text} if text else {},
        keywords=(),
        themes=(),
        publisher="did:web:ghent.example",
        publisher_name="City of Light",
        access="open",
        at=NOON,
    )
    return replace(record, **more)


def harvested(name: str, title: str = "", **more: Any) -> IndexFields:
    return indexed(name, title, is_harvested=True, **more)


def other(words: str, label: str, language: str = "en") -> OtherLabel:
    return OtherLabel(words=words, label=label, language=language)


def others(index: SearchIndex, name: str, audiences: tuple[str, ...] | None = ("public",)) -> list[str]:
    copies = index.copies(f"http://ghent.example/datasets/{name}", audiences=audiences)
    return [iri.rpartition("/")[2] for iri in copies]


def put(index: SearchIndex, *records: IndexFields, position: int = 1) -> None:
    show(index, [(record.iri, record) for record in records], position)


def show(index: SearchIndex, changes: Iterable[tuple[str, IndexFields | None]], position: int) -> None:
    """Have searches show ``changes`` at once."""
    index.take(changes, position)
    index.settle()


def names(results: Results) -> list[str]:
    return [hit.iri.rpartition("/")[2] for hit in results.hits]


def find(
    index: SearchIndex, text: str = "", *, audiences: tuple[str, ...] | None = ("public",), **more: Any
) -> list[str]:
    return names(index.search(Query(text=text, **more), audiences=audiences))


class SearchContract:
    """What every search view must do."""

    def test_an_empty_index_finds_nothing(self, index: SearchIndex) -> None:
        assert index.position() == 0
        results = index.search(Query(), audiences=None)
        assert (results.total, results.hits) == (0, ())
        assert results.facets == {name: {} for name in Query().facets}

    def test_words_are_found_in_title_text_keywords_and_publisher(self, index: SearchIndex) -> None:
        put(
            index,
            indexed("a", "Traffic counts"),
            indexed("b", text="Counts of traffic"),
            indexed("c", keywords=("traffic",)),
            indexed("d", publisher_name="Traffic Agency"),
            indexed("e", titles={"en": "Noise", "nl": "Verkeer", "cs": "traffic"}),
            indexed("f", "Trees"),
        )
        hits = find(index, "traffic")
        assert sorted(hits) == ["a", "b", "c", "d", "e"]
        assert set(hits[:2]) == {"a", "e"}, "titles weigh most"
        assert hits[-1] == "b", "running text least"

    @pytest.mark.parametrize(
        ("language", "singular", "plural"),
        [
            ("nl", "fietspad", "fietspaden"),
            ("nl", "waterweg", "waterwegen"),
            ("nl", "binnenstad", "binnensteden"),
            ("nl", "kleinkind", "kleinkinderen"),
            ("nl", "indicator", "indicatoren"),
            ("fr", "vélo", "vélos"),
            ("fr", "lieu", "lieux"),
            ("fr", "tuyau", "tuyaux"),
            ("de", "Heimatmuseum", "Heimatmuseen"),
            ("de", "Stadtzentrum", "Stadtzentren"),
            ("en", "policeman", "policemen"),
            ("en", "schoolchild", "schoolchildren"),
            ("en", "minibus", "minibuses"),
            ("cs", "cyklostezka", "cyklostezek"),
            ("cs", "autobusová zastávka", "autobusových zastávek"),
            ("cs", "obec", "obcí"),
            ("cs", "dům", "domů"),
            ("cs", "budova", "budov"),
            ("cs", "autobus", "autobusy"),
        ],
    )
    def test_plurals_with_another_stem_are_found_by_the_singular_and_back(
        self, index: SearchIndex, language: str, singular: str, plural: str
    ) -> None:
        titles = {"singular": f"({singular})", "plural": f"({plural})", "neither": "Trees"}
        put(index, *(indexed(name, titles={language: title}) for name, title in titles.items()))
        assert sorted(find(index, singular)) == sorted(find(index, plural)) == ["plural", "singular"]

    def test_words_that_only_end_like_a_plural_keep_their_stem(self, index: SearchIndex) -> None:
        ends = {
            "nl": ("bewegen", "beweg"),
            "fr": ("bus", "bu"),
            "en": ("specimen", "speciman"),
            "cs": ("program", "progr"),
        }
        put(index, *(indexed(language, titles={language: word}) for language, (word, _) in ends.items()))
        words = {language: words_of(word)[0].stems for language, (word, _) in ends.items()}
        for language, (word, wrong) in ends.items():
            assert find(index, word) == [language]
            assert f"{language}:{wrong}" not in words[language]

    def test_the_last_word_is_completed_for_those_who_may_see_it(self, index: SearchIndex) -> None:
        put(
            index,
            indexed("counts", "Traffic counts"),
            indexed("agency", keywords=("Traffic",)),
            indexed("hidden", "Traffic plans", audience="internal"),
            indexed("noise", text="Traffic noise"),
            indexed("élan", "Trafic à Liège"),
        )

        def completed(text: str, audiences: tuple[str, ...] | None = ("public",), limit: int = 9) -> list[str]:
            iris = index.complete(text, audiences=audiences, limit=limit)
            return [iri.rpartition("/")[2] for iri in iris]

        assert completed("traff") == ["counts", "agency"], "titles first, running text not at all"
        assert completed("TRAFIC à li") == ["élan"]
        assert completed("traffic co") == ["counts"]
        assert sorted(completed("traff", None)) == ["agency", "counts", "hidden"]
        assert completed("traff", ()) == []
        assert len(completed("tra", limit=2)) == 2
        for text in ("", "coun traffic", "zebra", ".*"):
            assert completed(text) == [], text

    def test_accents_and_case_do_not_matter(self, index: SearchIndex) -> None:
        put(
            index,
            indexed("de", "Große Straßen"),
            indexed("cs", "Přívoz a Žižkov"),
            indexed("fr", "Qualité de l'eau à Liège"),
            indexed("nl", "Coördinatie van één dienst"),
        )
        for text, name in [
            ("GROSSE strassen", "de"),
            ("große", "de"),
            ("privoz", "cs"),
            ("žižkov", "cs"),
            ("zizkov", "cs"),
            ("qualite EAU", "fr"),
            ("coordinatie een", "nl"),
        ]:
            assert find(index, text) == [name], text

    def test_the_whole_word_comes_before_its_beginning_before_a_slip(self, index: SearchIndex) -> None:
        put(
            index,
            indexed("slip", "Trafik lights"),
            indexed("begins", "Trafficking"),
            indexed("inside", "Pretraffic"),
            indexed("whole", text="about traffic in a long text " + "with other words " * 40),
        )
        assert find(index, "traffic") == ["whole", "begins", "inside"]
        assert find(index, "trafik") == ["slip"]
        put(index, indexed("slip", "Traffik"), indexed("whole", "Traffic"), position=2)
        assert find(index, "traffic") == ["whole", "begins", "inside", "slip"]

    @pytest.mark.parametrize(
        ("text", "matches"),
        [
            ("trafic", True),
            ("traficc", True),
            ("traficcx", False),
            ("tarffic", True),
            ("raffic", True),
            ("traff", True),
            ("tr", True),
            ("t", False),
            ("overlast", True),
            ("geluids", True),
            ("geluidsoverlas", True),
            ("last", True),
            ("ast", False),
            ("trains", False),
        ],
    )
    def test_what_people_type_is_found(self, index: SearchIndex, text: str, matches: bool) -> None:
        put(index, indexed("a", "Traffic", text="Geluidsoverlast"))
        assert bool(find(index, text)) is matches

    def test_all_words_first_else_any(self, index: SearchIndex) -> None:
        put(
            index, indexed("a", "Traffic in Ghent"), indexed("b", "Traffic in Bruges"), indexed("c", "Trees in Ghent")
        )
        assert find(index, "traffic ghent") == ["a"]
        assert sorted(find(index, "traffic antwerp")) == ["a", "b"]
        assert find(index, "nothing whatsoever") == []

    @pytest.mark.parametrize(
        "text", ["!!!", "«»", '"', "(", "a:b AND (", "* OR *", "\\", "title:x", "[1 TO 2]", "💡"]
    )
    def test_odd_texts_are_no_syntax(self, index: SearchIndex, text: str) -> None:
        put(index, indexed("z", "Quiet"))
        assert find(index, text) == []

    def test_without_words_the_newest_come_first(self, index: SearchIndex) -> None:
        put(index, *(indexed(f"d{n}", "traffic", at=NOON + timedelta(hours=n)) for n in (2, 0, 3, 1)))
        assert find(index) == ["d3", "d2", "d1", "d0"]
        assert find(index, "   ") == ["d3", "d2", "d1", "d0"]
        assert find(index, "traffic", order=Order.NEWEST) == ["d3", "d2", "d1", "d0"]

    def test_pages_have_the_exact_total(self, index: SearchIndex) -> None:
        put(index, *(indexed(f"d{n}", "traffic", at=NOON + timedelta(hours=n)) for n in range(25)))
        pages = [index.search(Query(offset=at, limit=10), audiences=["public"]) for at in (0, 10, 20, 30)]
        assert [page.total for page in pages] == [25] * 4
        assert [len(page.hits) for page in pages] == [10, 10, 5, 0]
        assert len({hit.iri for page in pages for hit in page.hits}) == 25
        assert index.search(Query(limit=0), audiences=["public"]).hits == ()
        assert index.search(Query(offset=10**12), audiences=["public"]).hits == ()
        assert len(index.search(Query(limit=10**9), audiences=["public"]).hits) == 25

    def test_the_order_of_publication_goes_on_behind_a_cursor(self, index: SearchIndex) -> None:
        put(index, *(indexed(name, "Traffic counts", place=number) for number, name in enumerate("cabed", 1)))
        query = Query(text="traffic", order=Order.PUBLISHED, limit=2)
        first = index.search(query, audiences=("public",))
        assert (names(first), first.total, first.next) == (["c", "a"], 5, Cursor(place=2))
        # A record that was read changes, one that was not goes, and one comes.
        show(index, [("http://ghent.example/datasets/b", None)], 2)
        put(index, indexed("a", "Traffic counted", place=2), indexed("f", "Traffic counts", place=6), position=3)
        second = index.search(query, audiences=("public",), after=first.next)
        assert (names(second), second.total) == (["e", "d"], 5)
        assert second.facets["kind"] == {"dataset": 5}
        third = index.search(query, audiences=("public",), after=second.next)
        assert (names(third), third.next) == (["f"], None)

    @pytest.mark.parametrize("order", [*Order])
    def test_every_order_goes_on_behind_a_cursor(self, index: SearchIndex, order: Order) -> None:
        put(
            index,
            *(
                indexed(
                    f"d{n}", "Traffic " * (1 + n % 3), place=n + 1, at=NOON + timedelta(hours=n // 3), points=n // 4
                )
                for n in range(12)
            ),
        )
        query = Query(text="traffic", order=order, limit=5)
        expected = names(index.search(replace(query, limit=100), audiences=("public",)))
        page = index.search(query, audiences=("public",))
        hits = names(page)
        # What comes between two pages moves no other hit.
        put(index, indexed("new", "Traffic", place=20, at=NOON + timedelta(days=1), points=400), position=2)
        expected += ["new"] if order in (Order.PUBLISHED, Order.OLDEST, Order.POOREST) else []
        while page.next:
            page = index.search(query, audiences=("public",), after=page.next)
            hits += names(page)
        assert hits == expected
        assert len({*hits}) == len(hits) >= 12

    def test_phrases_addresses_and_identifiers_are_matched_as_they_are(self, index: SearchIndex) -> None:
        put(
            index,
            indexed("a", "Traffic counts of Ghent", identifiers=("x-1", "doi:10.1/a")),
            indexed("b", "Counts of traffic", keywords=("Straße",)),
            indexed("c", "Trafficking", text="counted"),
        )
        assert find(index, phrases=("traffic counts",)) == ["a"]
        assert sorted(find(index, phrases=("TRAFFIC",))) == ["a", "b"], "no beginnings, no other forms"
        assert sorted(find(index, phrases=("traffic  counts", "strasse"))) == ["a", "b"]
        assert find(index, phrases=("!!",)) == find(index, phrases=("counts traffic",)) == []
        assert find(index, iris=("http://ghent.example/datasets/b", "http://ghent.example/none")) == ["b"]
        assert find(index, identifiers=("x-1", "y")) == ["a"]
        assert find(index, phrases=("traffic",), identifiers=("y",)) == []

    def test_the_best_descriptions_come_first(self, index: SearchIndex) -> None:
        points = {"none": None, "poor": 0, "good": 230, "better": 231, "best": 405}
        put(index, *(indexed(name, "traffic", place=n, points=points[name]) for n, name in enumerate(points, 1)))
        assert find(index, "traffic", order=Order.QUALITY) == ["best", "better", "good", "poor", "none"]
        assert find(index, qualities=("good", "bad")) == ["better", "good", "poor"]
        results = index.search(Query(), audiences=("public",))
        assert results.facets["quality"] == {"good": 2, "bad": 1, "excellent": 1}

    def test_further_pages_keep_to_the_way_words_were_found(self, index: SearchIndex) -> None:
        put(index, *(indexed(name, "Bicycle counts", place=number) for number, name in enumerate("abc", 1)))
        query = Query(text="bycicle", order=Order.PUBLISHED, limit=1)
        first = index.search(query, audiences=("public",))
        assert names(first) == ["a"]
        put(index, indexed("d", "The bycicle", place=4), position=2)
        pages, cursor = [], first.next
        while cursor:
            page = index.search(query, audiences=("public",), after=cursor)
            pages += names(page)
            cursor = page.next
        assert pages == ["b", "c", "d"], "not only the one that is now matched better"

    def test_an_asset_with_two_descriptions_is_shown_once(self, index: SearchIndex) -> None:
        first = harvested("a", "Noise map", place=1, identities=("x", "y"))
        second = harvested("b", "Geluidskaart", place=2, identities=("y", "z"), keywords=("decibel",))
        put(index, indexed("c", "Noise of trams", place=3), first, second)
        results = index.search(Query(), audiences=("public",))
        assert sorted(names(results)) == ["a", "c"]
        assert (results.total, results.facets["kind"]) == (2, {"dataset": 2})
        assert find(index, "geluidskaart") == find(index, "decibel") == ["a"], "words of the copy lead to the asset"
        assert find(index, "decibel", order=Order.PUBLISHED) == ["a"]
        assert results.facets["keyword"] == {}, "facets are those of the record that is shown"
        assert others(index, "a") == ["b"]
        assert others(index, "b") == ["a"]
        assert others(index, "c") == others(index, "nothing") == []

    def test_a_published_record_stands_for_harvested_ones_and_is_never_hidden(self, index: SearchIndex) -> None:
        put(index, harvested("copy", "Noise", place=1, identities=("x",)))
        put(index, indexed("own", "Noise", place=2, identities=("x",)), position=2)
        put(index, indexed("theirs", "Noise", place=3, identities=("x",)), position=3)
        assert sorted(find(index, "noise")) == ["own", "theirs"]
        assert others(index, "copy") == ["own", "theirs"]

    def test_copies_come_and_go(self, index: SearchIndex) -> None:
        def iri(name: str) -> str:
            return f"http://ghent.example/datasets/{name}"

        a, b, c = (
            harvested(name, f"Noise {name}", place=place, identities=keys)
            for place, (name, keys) in enumerate((("a", ("x",)), ("b", ("x", "y")), ("c", ("y",))), 1)
        )
        put(index, a, b, c)
        assert find(index, "noise") == ["a"]
        assert others(index, "a") == ["b", "c"], "one leads to the other"
        show(index, [(iri("b"), None)], 2)
        assert sorted(find(index, "noise")) == ["a", "c"], "nothing joins them any more"
        index.take([(iri("b"), b)], 3)
        index.take([(iri("a"), None)], 4)
        index.settle()
        assert find(index, "noise") == ["b"], "the next one stands for the others"
        assert others(index, "b") == ["c"]
        put(index, replace(c, identities=()), position=5)
        assert sorted(find(index, "noise")) == ["b", "c"]

    def test_records_for_different_audiences_stay_apart(self, index: SearchIndex) -> None:
        put(index, harvested("in", "Noise", place=1, identities=("x",), audience="internal", keywords=("secret",)))
        put(index, harvested("out", "Noise", place=2, identities=("x",)), position=2)
        put(index, harvested("far", "Noise", place=3, identities=("y",), audience="members"), position=3)
        assert find(index, "noise") == ["out"]
        assert find(index, "secret") == []
        assert sorted(find(index, "noise", audiences=("public", "internal"))) == ["in", "out"]
        assert others(index, "out") == []
        assert others(index, "in") == [], "who may not see it learns nothing of it"
        assert others(index, "out", ("public", "internal")) == ["in"]

    def test_hits_name_the_other_records(self, index: SearchIndex) -> None:
        put(index, harvested("a", "Noise", place=1, identities=("x",)))
        put(index, harvested("b", "Noise", place=2, identities=("x", "y")), position=2)
        put(index, harvested("c", "Silence", place=3, identities=("y",), audience="internal"), position=3)
        put(index, harvested("d", "Noise", place=4, identities=("z",), audience="internal"), position=4)
        put(index, indexed("e", "Noise", place=5, identities=("z",)), position=5)
        put(index, indexed("f", "Noise", place=6), position=6)
        for audiences in (("public",), ("public", "internal"), None):
            results = index.search(Query(text="noise"), audiences=audiences)
            named = {hit.iri: list(hit.copies) for hit in results.hits}
            assert named == {iri: list(index.copies(iri, audiences=audiences)) for iri in named}
        names = {iri.rpartition("/")[2]: [one.rpartition("/")[2] for one in others] for iri, others in named.items()}
        assert names == {"a": ["b", "c"], "d": ["e"], "e": ["d"], "f": []}

    def test_an_identity_of_a_whole_catalogue_joins_nothing(self, index: SearchIndex) -> None:
        for number in range(60):
            put(index, harvested(f"n{number}", "Noise", place=number + 1, identities=("x",)), position=number + 1)
        assert index.search(Query(text="noise"), audiences=None).total > 10

    def test_only_the_callers_audiences_are_found_and_counted(self, index: SearchIndex) -> None:
        put(
            index,
            indexed("open", "traffic", keywords=("k",)),
            indexed("closed", "traffic", audience="members", keywords=("secret",), kind="model"),
        )
        public = index.search(Query(text="traffic"), audiences=["public"])
        assert (names(public), public.total) == (["open"], 1)
        assert public.facets["keyword"] == {"k": 1}
        assert public.facets["kind"] == {"dataset": 1}
        assert sorted(find(index, "traffic", audiences=("public", "members", "public"))) == ["closed", "open"]
        assert sorted(find(index, "traffic", audiences=None)) == ["closed", "open"]
        nobody = index.search(Query(), audiences=[])
        assert (nobody.total, nobody.hits) == (0, ())
        assert not any(nobody.facets.values())
        assert find(index, kinds=("model",)) == []

    def test_facets_count_all_hits_and_narrow_each_other(self, index: SearchIndex) -> None:
        put(
            index,
            indexed("a", kind="dataset", themes=("TRAN", "ENVI"), access="open", keywords=("x", "x")),
            indexed("b", kind="dataset", themes=("TRAN",), access="conditions", publisher="did:web:b"),
            indexed("c", kind="model", themes=("ENVI",), access="conditions", keywords=("x", "y z")),
        )
        results = index.search(Query(limit=1), audiences=["public"])
        assert len(results.hits) == 1
        assert results.facets == {
            "kind": {"dataset": 2, "model": 1},
            "theme": {"TRAN": 2, "ENVI": 2},
            "publisher": {"did:web:ghent.example": 2, "did:web:b": 1},
            "access": {"conditions": 2, "open": 1},
            "keyword": {"x": 2, "y z": 1},
            "format": {},
            "license": {},
            "node": {},
            "spatial": {},
            "year": {},
            "quality": {},
        }
        assert sorted(find(index, themes=("ENVI",))) == ["a", "c"]
        assert sorted(find(index, kinds=("dataset", "model"), access=("conditions",))) == ["b", "c"]
        assert find(index, kinds=("dataset",), themes=("ENVI",), keywords=("x",)) == ["a"]
        assert find(index, keywords=("y z",)) == ["c"]
        assert find(index, keywords=("y",)) == []
        assert find(index, publishers=("did:web:b",)) == ["b"]
        narrowed = index.search(Query(kinds=("model",)), audiences=["public"])
        assert narrowed.facets["kind"] == {"model": 1}

    def test_a_publisher_is_also_found_by_its_iri_in_the_record(self, index: SearchIndex) -> None:
        own = {name: f"http://ghent.example/datasets/{name}#publisher-police" for name in ("a", "b")}
        put(index, *(indexed(name, publisher="Police", publisher_iri=iri) for name, iri in own.items()), indexed("c"))
        assert sorted(find(index, publishers=("Police",))) == ["a", "b"]
        assert find(index, publishers=(own["b"],)) == ["b"]
        facets = index.search(Query(publishers=(own["b"],)), audiences=None).facets
        assert facets["publisher"] == {"Police": 1}

    def test_places_are_found_where_boxes_touch(self, index: SearchIndex) -> None:
        put(
            index,
            indexed("ghent", bbox=(3.6, 50.9, 3.9, 51.2)),
            indexed("prague", bbox=(14.2, 49.9, 14.7, 50.2)),
            indexed("nowhere"),
        )
        assert find(index, bbox=(3.7, 51.0, 3.8, 51.1)) == ["ghent"]
        assert find(index, bbox=(0.0, 0.0, 3.6, 50.9)) == ["ghent"]
        assert sorted(find(index, bbox=(-180.0, -90.0, 180.0, 90.0))) == ["ghent", "prague"]
        assert find(index, bbox=(4.0, 51.0, 5.0, 52.0)) == []
        assert find(index, bbox=(3.7, 52.0, 3.8, 53.0)) == []

    @pytest.mark.parametrize(
        ("period", "names"),
        [
            ((date(2024, 6, 1), date(2024, 6, 30)), ["after", "year"]),
            ((date(2024, 12, 31), None), ["after", "year"]),
            ((None, date(2023, 12, 31)), ["after", "before"]),
            ((date(2025, 1, 1), date(2025, 1, 1)), ["after"]),
            ((None, date(2019, 12, 31)), ["before"]),
        ],
        ids=str,
    )
    def test_periods_are_found_where_they_touch(
        self, index: SearchIndex, period: tuple[date | None, date | None], names: list[str]
    ) -> None:
        put(
            index,
            indexed("year", period=(date(2024, 1, 1), date(2024, 12, 31))),
            indexed("before", period=(None, date(2023, 5, 1))),
            indexed("after", period=(date(2020, 1, 1), None)),
            indexed("timeless"),
        )
        assert sorted(find(index, period=period)) == names

    def test_places_and_years_narrow(self, index: SearchIndex) -> None:
        put(
            index,
            indexed("a", spatials=("Gent", "Ledeberg"), years=("2025", "2024")),
            indexed("b", spatials=("Gent",), years=("2024",)),
        )
        results = index.search(Query(), audiences=["public"])
        assert results.facets["spatial"] == {"Gent": 2, "Ledeberg": 1}
        assert results.facets["year"] == {"2024": 2, "2025": 1}
        assert find(index, spatials=("Ledeberg",)) == ["a"]
        assert find(index, years=("2025",), spatials=("Gent",)) == ["a"]
        assert sorted(find(index, years=("2025", "2024"))) == ["a", "b"]
        assert find(index, years=("2023",)) == []

    def test_formats_licences_and_nodes_narrow(self, index: SearchIndex) -> None:
        put(
            index,
            indexed("a", formats=("CSV", "JSON"), licences=("CC0-1.0",), node="did:web:a"),
            indexed("b", formats=("CSV",), licences=("https://example.org/own",), node="did:web:b"),
        )
        results = index.search(Query(), audiences=["public"])
        assert results.facets["format"] == {"CSV": 2, "JSON": 1}
        assert results.facets["license"] == {"CC0-1.0": 1, "https://example.org/own": 1}
        assert results.facets["node"] == {"did:web:a": 1, "did:web:b": 1}
        assert find(index, formats=("JSON",)) == ["a"]
        assert find(index, licences=("https://example.org/own",)) == ["b"]
        assert find(index, nodes=("did:web:b",), formats=("CSV",)) == ["b"]
        assert find(index, nodes=("did:web:b",), formats=("JSON",)) == []

    @pytest.mark.parametrize(
        ("language", "text", "sought"),
        [
            ("en", "Libraries of the city", "library"),
            ("en", "Bicycle counts", "bycicle"),
            ("nl", "Huizen langs de kade", "huis"),
            ("nl", "Metingen per uur", "meting"),
            ("fr", "Travaux de voirie", "travail"),
            ("de", "Häuser am Fluss", "Haus"),
            ("de", "Häuser am Fluss", "hauser"),
            ("cs", "Seznam knihoven a škol", "škola"),
            ("cs", "Seznam stromů", "strom"),
            ("nl-BE", "Huizen", "huis"),
            ("", "Libraries", "library"),
        ],
    )
    def test_other_forms_of_a_word_are_found(self, index: SearchIndex, language: str, text: str, sought: str) -> None:
        put(index, indexed("a", texts={language: text}), indexed("b", text="Something else"))
        assert find(index, sought) == ["a"]

    def test_a_long_word_with_accents_is_found(self, index: SearchIndex) -> None:
        word = "ěščřžýáíé" * 6  # 54 letters, 108 bytes with the accents
        put(index, indexed("a", texts={"cs": word}), indexed("b", texts={"cs": "Jiné"}))
        assert find(index, word) == ["a"]

    def test_a_word_of_one_language_is_no_form_of_another(self, index: SearchIndex) -> None:
        put(index, indexed("en", texts={"en": "A policy"}), indexed("cs", texts={"cs": "A policy"}))
        assert find(index, "policies") == ["en"]

    @pytest.mark.parametrize(
        ("sought", "names"),
        [
            ("lawaai", ["noise", "map"]),
            ("bruit", ["noise", "map"]),
            ("hluk", ["noise", "map"]),
            ("cyclable", ["bike"]),
            ("stationnement", ["lots"]),
        ],
    )
    def test_other_names_of_a_thing_are_found(self, index: SearchIndex, sought: str, names: list[str]) -> None:
        put(
            index,
            indexed("noise", texts={"nl": "Geluid in de stad"}),
            indexed("map", titles={"nl": "Geluidskaart"}),
            indexed("bike", texts={"nl": "Fietsen"}),
            indexed("green", texts={"en": "A park"}),
            indexed("lots", texts={"nl": "Parkeerplaatsen"}),
        )
        assert find(index, sought) == names

    def test_the_word_itself_comes_before_its_forms_and_other_names(self, index: SearchIndex) -> None:
        put(
            index,
            indexed("other name", texts={"fr": "Le bruit"}),
            indexed("form", texts={"en": "Noises"}),
            indexed("itself", texts={"en": "Noise"}),
        )
        assert find(index, "noise") == ["itself", "form", "other name"]

    def test_two_slips_count_only_where_nothing_else_is_found(self, index: SearchIndex) -> None:
        put(index, indexed("parking", texts={"en": "parking"}), indexed("barkin", texts={"en": "barkin"}))
        assert find(index, "parking") == ["parking"]
        assert find(index, "barkinss") == ["barkin"], "two letters too many"

    def test_documents_are_replaced_and_removed(self, index: SearchIndex) -> None:
        put(index, indexed("a", "Traffic"), indexed("b", "Traffic"), position=3)
        put(index, indexed("a", "Noise", audience="members"), position=4)
        assert find(index, "traffic") == ["b"]
        assert find(index, "noise") == []
        assert find(index, "noise", audiences=("members",)) == ["a"]
        show(index, [(indexed("b").iri, None), (indexed("never").iri, None)], 5)
        assert find(index, audiences=None) == ["a"]
        assert index.position() == 5
        show(index, [], 9)
        assert index.position() == 9
        assert index.search(Query(), audiences=None).total == 1

    def test_what_is_taken_is_shown_when_it_is_settled(self, index: SearchIndex) -> None:
        put(index, indexed("a", "first"), indexed("b", "first"), position=1)
        index.take([(indexed("a").iri, indexed("a", "second"))], 2)
        index.take([(indexed("b").iri, None), (indexed("c").iri, indexed("c", "second"))], 4)
        assert (index.position(), index.collected_position()) == (1, 4)
        assert (sorted(find(index, "first")), find(index, "second")) == (["a", "b"], [])
        index.settle()
        assert (index.position(), index.collected_position()) == (4, 4)
        assert (find(index, "first"), sorted(find(index, "second"))) == ([], ["a", "c"])
        index.settle()
        assert index.position() == 4

    def test_facets_follow_what_is_shown_and_whoever_asks(self, index: SearchIndex) -> None:
        def kinds(*audiences: str, **filters: Any) -> dict[str, int]:
            counts = index.search(Query(**filters), audiences=audiences).facets["kind"]
            # What a caller does with an answer is no part of the next one.
            answer = dict(counts)
            counts.clear()
            return answer

        put(index, indexed("a", "Traffic"), indexed("b", "Noise", kind="model", audience="members"), position=1)
        for _ in range(2):
            assert kinds("public") == {"dataset": 1}
            assert kinds("public", "members") == {"dataset": 1, "model": 1}
            assert kinds("public", "members", text="noise") == {"model": 1}
            assert kinds("public", "members", text="Noise", limit=1, offset=5) == {"model": 1}
            assert kinds("public", "members", kinds=("dataset",)) == {"dataset": 1}
            assert kinds("public", "members", text="noise traffic") == {"dataset": 1, "model": 1}
        put(index, indexed("c", "Traffic", kind="service"), position=2)
        assert kinds("public") == {"dataset": 1, "service": 1}
        index.clear()
        assert kinds("public") == {}

    def test_the_last_change_of_a_batch_wins(self, index: SearchIndex) -> None:
        show(index, [(indexed("a").iri, indexed("a", "first")), (indexed("a").iri, indexed("a", "second"))], 1)
        assert find(index, "second") == ["a"]
        assert find(index, "first") == []
        show(index, [(indexed("b").iri, indexed("b", "first")), (indexed("b").iri, None)], 2)
        assert find(index, "first") == []

    def test_equal_content_has_the_equal_digest_by_any_way(self, index: SearchIndex) -> None:
        put(index, indexed("a", bbox=(1, 2, 3, 4)), indexed("b"))
        before = index.digest()
        put(index, indexed("b"), indexed("a", bbox=(1, 2, 3, 4)))
        assert index.digest() == before
        put(index, indexed("a", access="conditions"))
        assert index.digest() != before
        index.clear()
        assert (index.position(), index.search(Query(), audiences=None).total) == (0, 0)
        put(index, indexed("b"), indexed("a", bbox=(1, 2, 3, 4)))
        assert index.digest() == before

    def test_snippets_mark_the_words(self, index: SearchIndex) -> None:
        put(index, indexed("a", "Counts", text="Hourly counts of traffic, per street. Trafficked roads only."))
        (hit,) = index.search(Query(text="trafic count"), audiences=["public"]).hits
        assert "Hourly «counts» of «traffic», per street." in hit.snippet
        (plain,) = index.search(Query(), audiences=["public"]).hits
        assert plain.snippet == "Hourly counts of traffic, per street. Trafficked roads only."

    def test_labels_of_vocabularies_are_found_behind_the_word_itself(self, index: SearchIndex) -> None:
        put(
            index,
            indexed("word", text="A fietspad along the river", themes=("TRAN",)),
            indexed("label", "Cycle lanes of the city", themes=("TRAN",)),
            indexed("running", text="Width of each cycle lane."),
            indexed("apart", text="The life cycle of a lane, a lane of the cycle"),
            indexed("across", "Water cycle", text="lane"),
            indexed("hidden", "Cycle lane", audience="internal"),
        )
        labels = (other("fietspad", "cycle lane"), other("fietspad", "bike"))
        results = index.search(Query(text="Fietspad"), audiences=["public"], labels=labels)
        assert names(results) == ["word", "label", "running"]
        assert (results.total, results.facets["theme"]) == (3, {"TRAN": 2})
        assert results.hits[2].snippet == "Width of each «cycle» «lane»."
        assert find(index, "Fietspad") == ["word"], "the counts of one search are not those of the other"
        assert names(index.search(Query(text="fietspad river"), audiences=["public"], labels=labels)) == ["word"]
        assert names(index.search(Query(text="width fietspad"), audiences=None, labels=labels)) == ["running"]

    def test_a_label_stands_for_all_the_words_that_it_is_for(self, index: SearchIndex) -> None:
        put(index, indexed("a", "Fietspaden in Gent"), indexed("b", "Paths in Gent"), indexed("c", "Bike in Gent"))
        labels = (other("bike path", "fietspad", "nl"),)
        results = index.search(Query(text="bike path gent"), audiences=["public"], labels=labels)
        assert names(results) == ["a"], "in another form too"

    def test_a_label_of_several_words_is_found_in_other_forms_in_titles_and_keywords(
        self, index: SearchIndex
    ) -> None:
        put(
            index,
            indexed("title", titles={"fr": "Les ponts fluviaux de Lyon"}),
            indexed("keyword", "Lyon", keywords=("Ponts fluviaux",)),
            indexed("apart", titles={"fr": "Fluvial : ponts"}),
            indexed("language", titles={"en": "Ponts fluviaux"}),
            indexed("other", titles={"fr": "Ponts et chaussées"}),
        )
        labels = (other("zebra", "pont fluvial", "fr"),)
        results = index.search(Query(text="zebra"), audiences=["public"], labels=labels)
        assert sorted(names(results)) == ["keyword", "title"]
        unknown = index.search(Query(text="zebra"), audiences=None, labels=(other("zebra", "pont fluvial", ""),))
        assert sorted(names(unknown)) == ["keyword", "title"]

    def test_a_label_for_two_words_ranks_behind_what_has_both(self, index: SearchIndex) -> None:
        put(
            index,
            indexed("label", "Fietspad", text="Fietspad fietspad", keywords=("fietspad",)),
            indexed("exact", text="A bike on a path"),
            indexed("begun", text="Bikers, pathways"),
            indexed("forms", titles={"en": "Cities"}, texts={"en": "Biking, many pathing"}),
            indexed("typos", text="the bikke and the patth"),
        )
        labels = (other("bike path", "fietspad", "nl"),)
        results = names(index.search(Query(text="bike path"), audiences=None, labels=labels))
        assert results.index("label") == len(results) - 2, results
        assert results[-1] == "typos", "a typo is a weaker sign than a label, for words that are long enough"

    def test_labels_are_never_read_as_a_query(self, index: SearchIndex) -> None:
        put(index, indexed("a", "Noise"), indexed("b", "Trees"))
        hostile = (
            "*",
            "a",
            "",
            "noise OR trees",
            "title:trees",
            '"',
            "tre*",
            "[a TO z]",
            "' | !x & (",
            "\x00",
            "-noise",
        )
        for label in hostile:
            results = index.search(Query(text="zebra"), audiences=None, labels=(other("zebra", label),))
            assert names(results) == (["a"] if label == "-noise" else []), label

    def test_a_walk_with_labels_goes_on_behind_its_cursor(self, index: SearchIndex) -> None:
        put(index, *(indexed(f"n{n}", "Cycle lane" if n % 2 else "Fietspad", place=n) for n in range(1, 7)))
        labels, query, hits = (
            (other("fietspad", "cycle lane"),),
            Query(text="fietspad", order=Order.PUBLISHED, limit=2),
            [],
        )
        after = None
        while True:
            page = index.search(query, audiences=None, after=after, labels=labels)
            assert page.total == 6
            hits += names(page)
            after = page.next
            if after is None:
                break
        assert hits == [f"n{n}" for n in range(1, 7)]

    def test_snippets_mark_other_forms_where_the_word_itself_is_not(self, index: SearchIndex) -> None:
        put(index, indexed("a", texts={"en": "All libraries of the city"}))
        (hit,) = index.search(Query(text="library"), audiences=["public"]).hits
        assert hit.snippet == "All «libraries» of the city"


class TestMemorySearchIndex(SearchContract):
    @pytest.fixture
    def index(self) -> SearchIndex:
        return MemorySearchIndex()


class TestTantivyIndex(SearchContract):
    @pytest.fixture
    def index(self, tmp_path: Path) -> Iterator[TantivyIndex]:
        index = TantivyIndex(tmp_path / "search")
        yield index
        index.close()

    def test_what_was_applied_is_there_after_reopening(self, index: TantivyIndex, tmp_path: Path) -> None:
        put(index, indexed("a", "Traffic"), position=7)
        digest = index.digest()
        again = TantivyIndex(tmp_path / "search")
        assert (again.position(), again.digest(), find(again, "traffic")) == (7, digest, ["a"])

    def test_what_was_not_settled_is_gone_with_the_process(self, index: TantivyIndex, tmp_path: Path) -> None:
        put(index, indexed("a", "Traffic"), position=7)
        index.take([(indexed("b").iri, indexed("b", "Traffic")), (indexed("a").iri, None)], 9)
        again = TantivyIndex(tmp_path / "search")
        assert (again.position(), again.collected_position(), find(again, "traffic")) == (7, 7, ["a"])
        index.close()
        again = TantivyIndex(tmp_path / "search")
        assert (again.position(), find(again, "traffic")) == (9, ["b"]), "whoever closes settles"

    def test_where_a_commit_fails_the_changes_are_to_be_taken_again(
        self, index: TantivyIndex, monkeypatch: Any
    ) -> None:
        put(index, indexed("a", "Traffic"), position=7)

        def fails(*_: Any) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        with monkeypatch.context() as full:
            full.setattr(TantivyIndex, "_commit", fails)
            index.take([(indexed("b").iri, indexed("b", "Traffic"))], 8)
            with pytest.raises(NoRoom):
                index.settle()
        assert (index.position(), index.collected_position(), find(index, "traffic")) == (7, 7, ["a"])
        index.settle()
        assert find(index, "traffic") == ["a"]
        put(index, indexed("b", "Traffic"), position=8)
        assert sorted(find(index, "traffic")) == ["a", "b"]

    def test_no_thread_of_the_engine_stays(self, index: TantivyIndex) -> None:
        put(index, indexed("a", "Traffic"))
        assert index.rest(0)
        threads = len(os.listdir("/proc/self/task"))
        for n in range(3):
            put(index, indexed(f"b{n}", "Traffic"), position=n)
        assert not index.rest(60), "it may soon be written again"
        assert index.rest(0)
        deadline = time.monotonic() + 5
        while len(os.listdir("/proc/self/task")) > threads:
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def test_searches_go_on_while_something_is_written(self, index: TantivyIndex, monkeypatch: Any) -> None:
        put(index, indexed("a", "Traffic"))
        write, during = TantivyIndex._commit, []

        def slowly(*arguments: Any) -> None:
            searching = threading.Thread(target=lambda: during.append((find(index, "traffic"), index.position())))
            searching.start()
            searching.join(timeout=5)
            write(*arguments)

        monkeypatch.setattr(TantivyIndex, "_commit", slowly)
        put(index, indexed("b", "Traffic"), position=2)
        assert during == [(["a"], 1)]
        assert sorted(find(index, "traffic")) == ["a", "b"]

    def test_single_commits_are_merged(self, index: TantivyIndex, tmp_path: Path) -> None:
        for n in range(10):
            put(index, indexed(f"d{n}", "Traffic"), position=n)
        index.rest(0)
        segments = list((tmp_path / "search").glob("*/*.store"))
        assert len(segments) < 10
        assert index.search(Query(), audiences=None).total == 10

    def test_a_box_across_the_date_line_is_found(self, index: TantivyIndex) -> None:
        put(index, indexed("fiji", bbox=(177.0, -20.0, -178.0, -15.0)), indexed("ghent", bbox=(3.6, 50.9, 3.9, 51.2)))
        assert find(index, bbox=(178.0, -18.0, 179.0, -17.0)) == ["fiji"]
        assert find(index, bbox=(170.0, -30.0, -170.0, 60.0)) == ["fiji"]
        assert find(index, bbox=(3.0, 50.0, -178.0, 52.0)) == ["ghent"]

    def test_a_damaged_folder_says_so_and_can_be_cleared(self, index: TantivyIndex, tmp_path: Path) -> None:
        put(index, indexed("a"))
        index.close()
        (tmp_path / "search" / f"index-{LAYOUT}" / "meta.json").write_text("nonsense")
        with pytest.raises(LocalFault, match="is damaged") as caught:
            index.position()
        assert "rebuilds it" in caught.value.remedy
        index.clear()
        put(index, indexed("a"))
        assert find(index) == ["a"]

    def test_an_index_of_another_layout_is_left_behind(self, tmp_path: Path) -> None:
        old = tmp_path / "search" / "index-0"
        old.mkdir(parents=True)
        index = TantivyIndex(tmp_path / "search")
        assert index.position() == 0
        assert not old.exists()


class TestSnippets:
    """Pieces of text, whatever the text."""

    def test_a_long_text_is_cut_around_the_first_word(self) -> None:
        text = "lorem ipsum " * 50 + "the traffic here " + "dolor sit " * 50
        cut = snippet(analyzer(), {"en": text}, words_of("traffic"))
        assert "the «traffic» here" in cut
        assert cut.startswith("… ")
        assert cut.endswith(" …")
        assert 150 < len(cut) < 230

    def test_marks_of_the_text_itself_are_no_marks(self) -> None:
        assert snippet(analyzer(), {"fr": "il dit «bonjour» ici"}, words_of("ici")) == "il dit ‹bonjour› «ici»"

    def test_characters_beyond_the_basic_plane_do_not_shift_the_marks(self) -> None:
        assert snippet(analyzer(), {"de": "😀 Größe 😀 Straße"}, words_of("strasse")) == "😀 Größe 😀 «Straße»"

    def test_text_without_spaces_or_words(self) -> None:
        texts = {"": "Ghent https://ghent.example/counts#file", "nl": "De counts", "en": "Hourly counts"}
        assert snippet(analyzer(), texts, words_of("counts"), "cs") == "Hourly «counts»"
        assert snippet(analyzer(), texts, words_of("ghent"), "nl").startswith("«Ghent» https://")
        assert snippet(analyzer(), {"": ""}, words_of("x")) == ""
        assert snippet(analyzer(), {}, words_of("x")) == ""
        assert len(snippet(analyzer(), {"": "x" * 10_000}, words_of("y"))) < 210
        assert snippet(analyzer(), {"": "a\n\tb   c"}, []) == "a b c"
