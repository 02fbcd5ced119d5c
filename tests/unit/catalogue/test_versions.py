"""What differs between two descriptions."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from node.catalogue.versions.statements import Difference, differences
from node.semantics.documents import canonical, parse
from node.vocab.namespaces import DCAT, DCT, RDF

A = "https://gent.example/datasets/a"
HEAD = f"@prefix dcat: <{DCAT}> . @prefix dct: <{DCT}> . @prefix x: <https://x.example/> . "


def nquads(turtle: str) -> bytes:
    return canonical(parse((HEAD + turtle).encode(), "text/turtle", base="https://gent.example/"))[0]


def differ(before: str, after: str) -> list[Difference]:
    return differences(nquads(before), nquads(after))


def test_values_that_came_and_went() -> None:
    before = f'<{A}> dct:title "Bomen"@nl, "Trees"@en ; dct:license x:l .'
    after = f'<{A}> dct:title "Bomen"@nl, "All trees"@en ; dct:rights "none" .'
    found = {difference.name: (difference.removals, difference.additions) for difference in differ(before, after)}
    assert found == {
        "dct:title": (('"Trees"@en',), ('"All trees"@en',)),
        "dct:license": (("<https://x.example/l>",), ()),
        "dct:rights": ((), ('"none"',)),
    }


def test_a_thing_without_a_name_is_matched_with_itself() -> None:
    """Its label in the canonical form changes with any statement; what changed in it is told, not all of it."""
    before = (
        f'<{A}> dcat:distribution [ a dcat:Distribution ; dct:title "csv" ; dcat:accessURL x:csv ],'
        ' [ a dcat:Distribution ; dct:title "xlsx" ; dcat:accessURL x:xlsx ; dct:format [ dct:title "Excel" ] ] .'
    )
    after = before.replace('"Excel"', '"Excel 2007"').replace('"csv"', '"CSV"')
    assert {(one.name, one.removals, one.additions) for one in differ(before, after)} == {
        ("dcat:distribution › dct:title", ('"csv"',), ('"CSV"',)),
        ("dcat:distribution › dct:format › dct:title", ('"Excel"',), ('"Excel 2007"',)),
    }


def test_a_thing_that_is_new_is_told_as_a_whole() -> None:
    before = f'<{A}> dcat:distribution [ a dcat:Distribution ; dct:title "a" ; dcat:accessURL x:a ] .'
    after = before[:-1] + ', [ a dcat:Distribution ; dct:title "b" ; dcat:accessURL x:b ] .'
    (told,) = differ(before, after)
    assert told.removals == ()
    (added,) = told.additions
    assert added.startswith("[ <")
    assert added.endswith(" ]")
    assert set(added[2:-2].split(" ; ")) == {
        f"<{DCAT}accessURL> <https://x.example/b>",
        f'<{DCT}title> "b"',
        f"<{RDF}type> <{DCAT}Distribution>",
    }


def test_things_without_a_name_in_a_circle_end() -> None:
    before = f"<{A}> dct:relation _:a . _:a dct:relation _:b . _:b dct:relation _:a ; dct:title 'b' ."
    assert differ(before, before) == []
    assert [one.additions for one in differ(before, before.replace("'b'", "'c'"))][-1:] == [('"c"',)]


def test_things_that_nothing_leads_to_are_compared_too() -> None:
    (told,) = differ(f"<{A}> dct:title 'a' . [] dct:title 'b' .", f"<{A}> dct:title 'a' . [] dct:title 'c' .")
    assert (told.subject, told.path) == ("", ())
    assert told.removals == (f'[ <{DCT}title> "b" ]',)


VALUES = st.sampled_from(['"a"', '"b"@nl', "x:c", "x:d"])
FLAT = st.frozensets(st.tuples(st.sampled_from(["dct:title", "dct:relation"]), VALUES), min_size=1)
NESTED = st.lists(
    st.frozensets(st.tuples(st.sampled_from(["dct:title", "dct:format"]), VALUES), min_size=1), max_size=3
)


def description(flat: frozenset[tuple[str, str]], nested: list[frozenset[tuple[str, str]]]) -> str:
    lines = [f"<{A}> {name} {value} ." for name, value in flat]
    for pairs in nested:
        inner = " ; ".join(f"{name} {value}" for name, value in sorted(pairs))
        lines.append(f"<{A}> dcat:distribution [ {inner} ] .")
    return "\n".join(lines)


@given(FLAT, NESTED, FLAT, NESTED)
def test_nothing_is_told_exactly_where_nothing_differs(
    flat: frozenset[tuple[str, str]],
    nested: list[frozenset[tuple[str, str]]],
    other: frozenset[tuple[str, str]],
    others: list[frozenset[tuple[str, str]]],
) -> None:
    before, after = nquads(description(flat, nested)), nquads(description(other, others))
    changes = differences(before, after)
    assert (changes == []) == (before == after)
    back = differences(after, before)
    assert sorted((one.path, one.removals) for one in back) == sorted((one.path, one.additions) for one in changes)
