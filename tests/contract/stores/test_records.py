"""RecordStore: versions of records by IRI and moment, and what of them is current for whom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from node.base.errors import Conflict
from node.catalogue.model import OPENS_HISTORY, RETENTION, Record
from node.catalogue.offers import terms_hash
from node.ledger.model import Entry, EntryKind
from node.semantics.model import File
from tests.stores import Stores

NOW = datetime(2026, 11, 20, 9, 30, 0, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
BASE = "https://ghent.example/datasets/"


def record(name: str, version: int = 1, **members: Any) -> Record:
    values: dict[str, Any] = {
        "kind": "dataset",
        "audience": "public",
        "titles": {"en": f"Title of {name}", "nl": "Titel ü"},
        "descriptions": {},
        "publisher": "did:web:ghent.example",
        "publisher_name": "Stad Gent",
        "origin": "did:web:ghent.example",
        "nquads": b'<urn:a> <urn:b> "\xc3\xbc" .\n',
        "sha256": "ab" * 32,
        "at": NOW + version * HOUR,
        "by": "anna",
    }
    return Record(iri=f"{BASE}{name}", version=version, **{**values, **members})


def add(stores: Stores, *records: Record) -> None:
    with stores.uow.begin() as tx:
        for one in records:
            stores.records.add(tx, one)


def current(stores: Stores, **filters: Any) -> list[tuple[str, int]]:
    with stores.uow.read() as tx:
        return short(stores.records.current(tx, **filters))


def short(records: Sequence[Record]) -> list[tuple[str, int]]:
    return [(one.iri.removeprefix(BASE), one.version) for one in records]


class TestVersions:
    @pytest.mark.parametrize(
        "original",
        [
            record("bare"),
            record(
                "full",
                offer={"@id": "urn:offer", "permission": []},
                files=(
                    File(name="a.csv", media_type="text/csv", size=2**40, sha256="00" * 32, open=True),
                    File(name="b", media_type="x/y", size=0, sha256="11" * 32, format="f", source="/srv/b"),
                ),
                keywords=("bikes", "fietsen"),
                themes=("http://publications.europa.eu/resource/authority/data-theme/TRAN",),
                sealed=True,
                withdrawn=True,
                entry="urn:entry",
                warnings=({"rule": "r", "message": "m"},),
                extra={"bbox": [3.5, 51.0, 3.9, 51.2], "nothing": None},
            ),
        ],
        ids=["bare", "full"],
    )
    def test_a_record_comes_out_as_it_went_in(self, stores: Stores, original: Record) -> None:
        add(stores, original)
        with stores.uow.read() as tx:
            assert stores.records.get(tx, original.iri) == original
            assert list(stores.records.versions(tx, original.iri)) == [original]
            assert stores.records.get(tx, "urn:unknown") is None
            assert list(stores.records.versions(tx, "urn:unknown")) == []
            assert list(stores.records.newest(tx, [original.iri, "urn:unknown"])) == [original]

    def test_the_newest_versions_of_many_come_in_the_order_asked_for(self, stores: Stores) -> None:
        names = [f"n{number}" for number in range(5)]
        add(stores, *(record(name, version, entry=f"urn:{name}{version}") for name in names for version in (1, 2)))
        iris = [f"{BASE}{name}" for name in ("n3", "n0", "n4")]
        for again in (stores.records, type(stores.records)()):  # The second one has none of them in memory.
            with stores.uow.read() as tx:
                assert short(again.newest(tx, iris)) == [("n3", 2), ("n0", 2), ("n4", 2)]
                assert list(again.newest(tx, [])) == []

    def test_what_was_just_stored_is_read_as_it_is_in_the_database(self, stores: Stores) -> None:
        """A store keeps in memory what it stored last: that must be what another process reads."""
        plain = record("plain", entry="urn:plain", extra={"bbox": ["3.5", "51"]}, warnings=({"rule": "r"},))
        odd = record("odd", entry="urn:odd", extra={"edges": (1, 2)}, offer={"permission": ({"action": "use"},)})
        add(stores, plain, odd)
        iris = [plain.iri, odd.iri]
        with stores.uow.read() as tx:
            assert stores.records.newest(tx, iris) == type(stores.records)().newest(tx, iris)

    def test_what_a_failed_transaction_stored_is_not_read(self, stores: Stores) -> None:
        add(stores, record("a", entry="urn:first"))
        failing = [record("a", 2, entry="urn:second"), record("a", 1, entry="urn:again")]
        with pytest.raises(Conflict):
            add(stores, *failing)
        with stores.uow.read() as tx:
            assert [one.version for one in stores.records.newest(tx, [f"{BASE}a"])] == [1]

    def test_a_known_version_is_a_conflict_that_leaves_the_transaction_usable(self, stores: Stores) -> None:
        with stores.uow.begin() as tx:
            stores.records.add(tx, record("a"))
            with pytest.raises(Conflict):
                stores.records.add(tx, record("a", sha256="cd" * 32))
            stores.records.add(tx, record("a", 2))
        with stores.uow.read() as tx:
            assert short(stores.records.versions(tx, f"{BASE}a")) == [("a", 2), ("a", 1)]

    def test_by_version_and_by_moment(self, stores: Stores) -> None:
        add(stores, record("a", 1), record("a", 3), record("a", 2))

        def get(**moment: Any) -> int | None:
            with stores.uow.read() as tx:
                found = stores.records.get(tx, f"{BASE}a", **moment)
                return None if found is None else found.version

        assert get() == 3
        assert get(version=2) == 2
        assert get(version=4) is None
        assert get(as_of=NOW) is None
        assert get(as_of=NOW + 2 * HOUR) == 2
        assert get(as_of=NOW + 2 * HOUR - timedelta(microseconds=1)) == 1
        assert get(version=3, as_of=NOW + 2 * HOUR) is None

    def test_what_was_read_before_does_not_outlive_it(self, stores: Stores) -> None:
        def get(**conditions: Any) -> tuple[int, str] | None:
            with stores.uow.read() as tx:
                newest = stores.records.get(tx, f"{BASE}a", **conditions)
                return None if newest is None else (newest.version, newest.entry)

        def read_and_fail() -> None:
            with stores.uow.begin() as tx:
                stores.records.add(tx, record("a", 2, entry="taken back"))
                newest = stores.records.get(tx, f"{BASE}a")
                assert newest is not None
                assert (newest.version, newest.entry) == (2, "taken back")
                raise KeyError

        add(stores, record("a", 1, entry="e1"))
        assert get() == get() == (1, "e1")
        with pytest.raises(KeyError):
            read_and_fail()
        assert get() == (1, "e1")
        add(stores, record("a", 2, entry="e2", audience="members"))
        assert get() == get(audiences=["members"]) == (2, "e2")
        assert get(audiences=["public"]) is None
        assert get() == (2, "e2")

    def test_points_of_the_versions_of_one_origin_by_pages(self, stores: Stores) -> None:
        score = {"points": 210, "dimensions": {"findability": [60, 100]}, "raise": []}
        add(
            stores,
            record("b", 1, extra={"score": score}),
            record("b", 2, withdrawn=True, publisher="did:web:brno.example", publisher_name="Brno"),
            record("a", 1, extra={"score": {**score, "points": 90}}),
            record("c", 1, kind="model", extra={"score": score}),
            record("d", 1, origin="did:web:plzen.example", extra={"score": score}),
        )
        with stores.uow.read() as tx:
            after, pages = ("", 0), []
            while page := stores.records.scores(tx, "did:web:ghent.example", after=after, limit=2):
                pages.append(list(page))
                after = (page[-1].iri, page[-1].version)
            assert stores.records.scores(tx, "did:web:unknown.example", after=("", 0), limit=2) == []
        assert [len(page) for page in pages] == [2, 1]
        first, second, third = (version for page in pages for version in page)
        assert first == (
            f"{BASE}a",
            1,
            NOW + HOUR,
            "did:web:ghent.example",
            "Stad Gent",
            False,
            {**score, "points": 90},
        )
        assert (second.iri, second.version, second.score) == (f"{BASE}b", 1, score)
        assert third == (f"{BASE}b", 2, NOW + 2 * HOUR, "did:web:brno.example", "Brno", True, {})

    def test_current_records_are_grouped_by_audience_and_terms(self, stores: Stores) -> None:
        others, ours = {"permission": [{"action": "use"}]}, {"permission": [{"action": "read"}]}
        add(
            stores,
            record("a", offer={"@id": "urn:a", **others}),
            record("b", offer={"@id": "urn:b", **others}),
            record("c", offer=ours, audience="members"),
            record("d"),
            record("e", 1, offer=others),
            record("e", 2),
            record("f", 1, offer=others),
            record("f", 2, offer=others, withdrawn=True),
            record("g", offer=others, origin="did:web:plzen.example"),
        )
        first, second = terms_hash(others), terms_hash(ours)
        with stores.uow.read() as tx:
            groups = stores.records.terms_groups(tx, "did:web:ghent.example")
            assert sorted(groups) == sorted(
                [
                    ("public", first, 2, f"{BASE}a"),
                    ("members", second, 1, f"{BASE}c"),
                    ("public", "", 2, f"{BASE}d"),
                ]
            )

            def titles(**choice: Any) -> list[tuple[str, str]]:
                rows = stores.records.titles_of(tx, "did:web:ghent.example", **choice)
                assert all(row.titles["nl"] == "Titel ü" for row in rows)
                return [(row.iri.removeprefix(BASE), row.audience) for row in rows]

            assert titles(audiences=["members"], terms=[first]) == [
                ("a", "public"),
                ("b", "public"),
                ("c", "members"),
            ]
            assert titles(audiences=[], terms=[first], after=f"{BASE}a") == [("b", "public")]
            assert titles(audiences=["members", "public"], terms=[], limit=2) == [("a", "public"), ("b", "public")]
            assert titles(audiences=[], terms=[]) == []

    def test_by_entry_in_the_order_asked_for(self, stores: Stores) -> None:
        add(stores, record("a", entry="e1"), record("b", entry="e2"), record("c", entry="e3"))
        with stores.uow.read() as tx:
            assert short(stores.records.by_entry(tx, ["e3", "unknown", "e1", "e3"])) == [("c", 1), ("a", 1)]
            assert list(stores.records.by_entry(tx, [])) == []
            many = [f"unknown {number}" for number in range(1200)] + ["e2"]
            assert short(stores.records.by_entry(tx, many)) == [("b", 1)]


class TestCurrent:
    def test_the_newest_versions_by_iri(self, stores: Stores) -> None:
        add(stores, record("b", 1), record("b", 2), record("a", 1), record("C", 1), record("ä", 1))
        assert current(stores) == [("C", 1), ("a", 1), ("b", 2), ("ä", 1)]

    def test_withdrawn_records_are_not_current(self, stores: Stores) -> None:
        add(stores, record("a", 1), record("a", 2, withdrawn=True), record("b"))
        assert current(stores) == [("b", 1)]
        add(stores, record("a", 3))
        assert current(stores) == [("a", 3), ("b", 1)]

    def test_pages(self, stores: Stores) -> None:
        add(stores, *(record(name) for name in "abcde"))
        assert current(stores, limit=2) == [("a", 1), ("b", 1)]
        assert current(stores, limit=2, after=f"{BASE}b") == [("c", 1), ("d", 1)]
        assert current(stores, after=f"{BASE}e") == []
        assert current(stores, limit=2, down_from=f"{BASE}c") == [("c", 1), ("b", 1)]

    def test_an_earlier_version_is_for_whom_all_versions_since_are(self, stores: Stores) -> None:
        add(stores, record("opened", 1, audience="internal"), record("opened", 2))
        add(stores, record("closed", 1), record("closed", 2, audience="internal"))
        then = NOW + HOUR
        assert current(stores, audiences={"public"}) == [("opened", 2)]
        assert current(stores, audiences={"public"}, as_of=then) == []
        assert current(stores, audiences={"internal", "members"}, as_of=then) == [("closed", 1)]
        assert current(stores, audiences=None, as_of=then) == [("closed", 1), ("opened", 1)]
        assert current(stores, audiences=frozenset()) == []

    def test_a_wider_audience_governs_versions_from_then_on(self, stores: Stores) -> None:
        audiences = ("internal", "members", "public", "members", "public", "public")
        add(stores, *(record("a", number, audience=one) for number, one in enumerate(audiences, 1)))
        add(stores, record("b", 1, audience="internal"), record("b", 2, audience="members"))
        add(stores, record("b", 3, extra={OPENS_HISTORY: True}), record("b", 4))
        seen: dict[Any, tuple[list[int], list[int]]] = {
            None: ([6, 5, 4, 3, 2, 1], [4, 3, 2, 1]),
            frozenset({"public"}): ([6, 5], [4, 3, 2, 1]),
            frozenset({"public", "members"}): ([6, 5, 4, 3, 2], [4, 3, 2, 1]),
        }
        with stores.uow.read() as tx:
            for audiences, expected in seen.items():
                for name, numbers in zip("ab", expected, strict=True):
                    iri = f"{BASE}{name}"
                    found = stores.records.versions(tx, iri, audiences=audiences)
                    assert [one.version for one in found] == numbers
                    for number in range(1, 8):
                        one = stores.records.get(tx, iri, version=number, audiences=audiences)
                        assert (one is not None) is (number in numbers), (audiences, name, number)
                        then = stores.records.get(tx, iri, as_of=NOW + number * HOUR, audiences=audiences)
                        newest = max((n for n in numbers if n <= number), default=None)
                        assert (then and then.version) == newest

    def test_what_is_for_others_is_not_there(self, stores: Stores) -> None:
        add(
            stores,
            record("a", audience="public"),
            record("a", 2, audience="members"),
            record("a", 3, audience="members", withdrawn=True),
        )
        ways: list[dict[str, Any]] = [{}, {"version": 1}, {"as_of": NOW + 9 * HOUR}]
        whose: list[tuple[Any, bool]] = [
            (None, True),
            ({"public", "members"}, True),
            ({"public"}, False),
            ((), False),
        ]
        with stores.uow.read() as tx:
            for audiences, seen in whose:
                for way in ways:
                    found = stores.records.get(tx, f"{BASE}a", audiences=audiences, **way)
                    assert (found is not None) is seen, (audiences, way)
                    assert stores.records.get(tx, f"{BASE}none", audiences=audiences, **way) is None
                assert len(stores.records.versions(tx, f"{BASE}a", audiences=audiences)) == (3 if seen else 0)

    def test_kinds_origins_and_offers(self, stores: Stores) -> None:
        add(
            stores,
            record("a", kind="model", offer={"@id": "urn:o"}),
            record("b", kind="service"),
            record("c", origin="did:web:other", offer={"@id": "urn:o"}),
        )
        assert current(stores, kinds=["model", "service"]) == [("a", 1), ("b", 1)]
        assert current(stores, origins=("did:web:other",)) == [("c", 1)]
        assert current(stores, offered=True) == [("a", 1), ("c", 1)]
        assert current(stores, offered=True, kinds={"model"}) == [("a", 1)]

    def test_an_offer_that_was_taken_back_counts_for_its_own_time_only(self, stores: Stores) -> None:
        add(stores, record("a", 1, offer={"@id": "urn:o"}), record("a", 2))
        assert current(stores, offered=True) == []
        assert current(stores, offered=True, as_of=NOW + HOUR) == [("a", 1)]

    def test_as_of_shows_what_was_withdrawn_later(self, stores: Stores) -> None:
        add(stores, record("a", 1), record("a", 2, withdrawn=True), record("a", 3))
        assert current(stores, as_of=NOW) == []
        assert current(stores, as_of=NOW + 1 * HOUR) == [("a", 1)]
        assert current(stores, as_of=NOW + 2 * HOUR) == []
        assert current(stores, as_of=NOW + 3 * HOUR) == [("a", 3)]

    def test_an_older_version_that_arrives_late_does_not_become_current(self, stores: Stores) -> None:
        add(stores, record("a", 2, kind="model"))
        add(stores, record("a", 1, audience="internal"))
        assert current(stores) == [("a", 2)]
        with stores.uow.read() as tx:
            assert stores.records.count(tx, ["public"]) == {"model": 1}

    def test_the_place_of_a_record_is_the_number_of_its_first_entry(self, stores: Stores) -> None:
        def entry(name: str, kind: EntryKind, subject: str) -> Entry:
            return Entry(id=name, kind=kind, subject=f"{BASE}{subject}", at=NOW, by="anna", body=b"x")

        entries = [
            entry("e1", EntryKind.DECISION, "b"),
            entry("e2", EntryKind.RECORD, "a"),
            entry("e3", EntryKind.RECORD, "b"),
            entry("e4", EntryKind.RECORD, "a"),
            entry("e5", EntryKind.RECORD, "c"),
        ]
        with stores.uow.begin() as tx:
            for each in entries:
                stores.ledger.append(tx, each)
        with stores.uow.begin() as tx:
            stores.ledger.number(tx, stores.ledger.unsequenced_entries(tx, 4), 7)
        with stores.uow.read() as tx:
            places = stores.records.places(tx, [f"{BASE}{name}" for name in "abcd"])
            assert stores.records.places(tx, []) == {}
        assert places == {f"{BASE}a": 8, f"{BASE}b": 9}, "without those that have no number yet"

    def test_count_by_kind(self, stores: Stores) -> None:
        add(stores, record("a"), record("b"), record("b", 2), record("c", kind="model", audience="members"))
        add(stores, record("d"), record("d", 2, withdrawn=True))
        with stores.uow.read() as tx:
            assert stores.records.count(tx) == {"dataset": 2, "model": 1}
            assert stores.records.count(tx, {"public"}) == {"dataset": 2}
            assert stores.records.count(tx, []) == {}
            assert stores.records.count(tx, {"public"}, origins=("did:web:nowhere.example",)) == {}
            assert stores.records.count(tx, by="origin") == {record("a").origin: 3}
            assert stores.records.count(tx, {"public"}, by="origin") == {record("a").origin: 2}
            assert stores.records.count(tx, {"public"}, origins=(record("a").origin,)) == {"dataset": 2}

    def test_what_an_origin_holds_here(self, stores: Stores) -> None:
        add(stores, record("a"), record("a", 2, withdrawn=True), record("b", origin="did:web:other"))
        with stores.uow.read() as tx:
            size = len(record("a").nquads)
            assert stores.records.count_of(tx, "did:web:ghent.example") == (2, 2 * size)
            assert stores.records.count_of(tx, "did:web:other") == (1, size)
            assert stores.records.count_of(tx, "did:web:nobody") == (0, 0)

    def test_a_rollback_takes_the_version_back(self, stores: Stores) -> None:
        add(stores, record("a"))

        def fail() -> None:
            with stores.uow.begin() as tx:
                stores.records.add(tx, replace(record("a", 2), withdrawn=True))
                raise KeyError

        with pytest.raises(KeyError):
            fail()
        assert current(stores) == [("a", 1)]


class TestAddresses:
    def test_are_those_of_current_records_for_the_audiences_in_order(self, stores: Stores) -> None:
        add(stores, record("b"), record("a"), record("a", 2), record("hidden", audience="internal"))
        add(stores, record("gone"), record("gone", 2, withdrawn=True), record("else", origin="did:web:other"))
        with stores.uow.read() as tx:
            for_all = {"audiences": ["public"], "origins": ["did:web:ghent.example"]}
            addresses = stores.records.addresses(tx, **for_all)
            assert addresses == [(f"{BASE}a", NOW + 2 * HOUR), (f"{BASE}b", NOW + HOUR)]
            assert stores.records.addresses(tx, **for_all, offset=1, limit=1) == addresses[1:]
            assert stores.records.addresses(tx, **for_all, offset=2) == []
            assert stores.records.addresses(tx, audiences=[], origins=[]) == []


class TestNewestVersions:
    def test_are_numbers_and_audiences_of_what_is_not_withdrawn(self, stores: Stores) -> None:
        add(stores, record("b", kind="ontology"), record("b", 2, kind="ontology", audience="internal"), record("c"))
        add(stores, record("a", kind="ontology"), record("gone", kind="ontology"))
        add(stores, record("else", kind="ontology", origin="did:web:other"))
        with stores.uow.read() as tx:
            assert stores.records.newest_versions(tx, "model", origin="did:web:ghent.example") == {}
        add(stores, record("gone", 2, kind="ontology", withdrawn=True))
        with stores.uow.read() as tx:
            newest = stores.records.newest_versions(tx, "ontology", origin="did:web:ghent.example")
            assert list(newest.items()) == [(f"{BASE}a", (1, "public")), (f"{BASE}b", (2, "internal"))]


class TestErasure:
    def test_the_content_goes_and_the_rest_stays(self, stores: Stores) -> None:
        file = File(name="a.csv", media_type="text/csv", size=1, sha256="00" * 32)
        first = record(
            "a",
            files=(file,),
            keywords=("Jan",),
            offer={"@id": "urn:offer"},
            sealed=True,
            entry="e1",
            extra={"signature": "s", OPENS_HISTORY: True, "score": {"points": 9}},
            warnings=({"message": "Jan"},),
        )
        second = record("a", 2, entry="e2")
        add(stores, first, second, record("b"))
        with stores.uow.begin() as tx:
            stores.records.erase(tx, first.iri, 1, by_version=2)
            stores.records.erase(tx, f"{BASE}nothing", 1, by_version=2)
        with stores.uow.read() as tx:
            remains = stores.records.get(tx, first.iri, version=1)
            assert remains is not None
            assert (remains.is_erased, remains.withdrawn, remains.extra) == (
                True,
                True,
                {"erased": 2, OPENS_HISTORY: True},
            )
            assert (remains.nquads, remains.titles, remains.files, remains.keywords) == (b"", {}, (), ())
            assert (remains.offer, remains.sealed, remains.warnings) == (None, False, ())
            assert (remains.at, remains.audience, remains.publisher, remains.entry) == (
                first.at,
                "public",
                first.publisher,
                "e1",
            )
            assert stores.records.get(tx, first.iri) == second
            scores = stores.records.scores(tx, first.origin, after=("", 0), limit=1)
            assert [(row.iri, row.withdrawn, row.score) for row in scores] == [(first.iri, True, {})]
            assert short(stores.records.versions(tx, first.iri)) == [("a", 2), ("a", 1)]
        assert current(stores) == [("a", 2), ("b", 1)]
        assert current(stores, as_of=first.at) == [("b", 1)]

    def test_versions_with_content(self, stores: Stores) -> None:
        gone = record("a", 3, withdrawn=True)
        add(stores, record("a"), record("a", 2), gone, record("a", 4), record("b"))
        with stores.uow.begin() as tx:
            assert short(stores.records.with_content(tx, f"{BASE}a", {4, 1, 3, 9})) == [("a", 1), ("a", 4)]
            assert short(stores.records.with_content(tx, f"{BASE}a", range(1, 2_000))) == [
                ("a", 1),
                ("a", 2),
                ("a", 4),
            ]
            stores.records.erase(tx, f"{BASE}a", 1, by_version=4)
            assert stores.records.with_content(tx, f"{BASE}a", {1}) == []

    def test_files_in_use(self, stores: Stores) -> None:
        file = File(name="a.csv", media_type="text/csv", size=1, sha256="00" * 32)
        add(stores, record("a", files=(file,)), record("a", 2))
        with stores.uow.read() as tx:
            assert stores.records.uses_file(tx, "00" * 32)
            assert not stores.records.uses_file(tx, "11" * 32)
            origin = record("a").origin
            assert stores.records.uses_file(tx, "00" * 32, origin=origin)
            assert not stores.records.uses_file(tx, "00" * 32, origin="did:web:somebody.example")
        with stores.uow.begin() as tx:
            stores.records.erase(tx, f"{BASE}a", 1, by_version=2)
            assert not stores.records.uses_file(tx, "00" * 32)


class TestFilesOfEarlierVersions:
    FILE = File(name="a.csv", media_type="text/csv", size=3, sha256="22" * 32)

    def test_declarations_are_found_in_pages(self, stores: Stores) -> None:
        add(stores, *(record(name, extra={RETENTION: {"versions": 1}}) for name in "cab"), record("d"))
        add(stores, record("a", 2))
        with stores.uow.read() as tx:
            first = stores.records.retaining(tx, limit=2)
            assert list(first) == [f"{BASE}a", f"{BASE}b"]
            assert list(stores.records.retaining(tx, after=first[-1], limit=2)) == [f"{BASE}c"]

    def test_a_removal_is_noted_once_and_its_bytes_are_not_in_use(self, stores: Stores) -> None:
        add(stores, record("a", files=(self.FILE,)), record("a", 2, files=()))
        with stores.uow.begin() as tx:
            assert stores.records.uses_file(tx, self.FILE.sha256)
            assert [version for version, _ in stores.records.kept_files(tx, f"{BASE}a")] == [2, 1]
            assert stores.records.remove_files(tx, f"{BASE}a", 1, NOW)
            assert not stores.records.remove_files(tx, f"{BASE}a", 1, NOW + HOUR)
        with stores.uow.read() as tx:
            assert dict(stores.records.file_removals(tx, f"{BASE}a")) == {1: NOW}
            assert dict(stores.records.file_removals(tx, f"{BASE}b")) == {}
            assert not stores.records.uses_file(tx, self.FILE.sha256)
            assert [version for version, _ in stores.records.kept_files(tx, f"{BASE}a")] == [2]
        add(stores, record("b", files=(self.FILE,)))
        with stores.uow.read() as tx:
            assert stores.records.uses_file(tx, self.FILE.sha256)
