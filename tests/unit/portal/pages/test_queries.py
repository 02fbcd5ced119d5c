"""A search and its URL say the same."""

from __future__ import annotations

from datetime import date
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.base.errors import InvalidInput
from node.catalogue.browse import MAX_OFFSET
from node.portal.queries import FACETS, Search, page_numbers

EVERYTHING = (
    "q=road+noise&kind=model&kind=dataset&theme=ENVI&publisher=did%3Aweb%3Ax&keyword=a+b&bbox=3.5,50.9,3.9,51.2"
    "&format=CSV&license=CC0-1.0&node=did%3Aweb%3Ay&from=2024-05&to=2024"
)


def search(query: str) -> Search:
    return Search.read(parse_qsl(query, keep_blank_values=True))


def test_everything_is_read() -> None:
    found = search(EVERYTHING + "&sort=newest&page=3&lang=nl&unknown=1")
    query = found.query("nl", 20)
    assert (query.text, query.kinds, query.themes) == ("road noise", ("model", "dataset"), ("ENVI",))
    assert (query.publishers, query.keywords) == (("did:web:x",), ("a b",))
    assert query.bbox == (3.5, 50.9, 3.9, 51.2)
    assert (query.formats, query.licences, query.nodes) == (("CSV",), ("CC0-1.0",), ("did:web:y",))
    assert query.period == (date(2024, 5, 1), date(2024, 12, 31))
    assert (query.order, query.offset, query.limit, query.language) == ("newest", 40, 20, "nl")


def test_equal_searches_have_equal_urls() -> None:
    assert search(EVERYTHING).query_string() == search(
        "&".join(reversed(EVERYTHING.split("&")))
    ).query_string().replace("kind=dataset&kind=model", "kind=model&kind=dataset")
    assert search("").query_string() == ""
    assert search("q=&kind=&page=1&sort=best").query_string() == ""


texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20).map(str.strip)


@given(
    text=texts, values=st.dictionaries(st.sampled_from(FACETS), st.lists(texts, max_size=3)), page=st.integers(1, 500)
)
def test_reading_back_what_was_written(text: str, values: dict[str, list[str]], page: int) -> None:
    pairs = [("q", text), ("page", str(page)), *((name, value) for name in values for value in values[name])]
    found = Search.read(pairs)
    again = Search.read(parse_qsl(found.query_string().removeprefix("?"), keep_blank_values=True))
    assert again == found


def test_a_facet_value_comes_and_goes_and_leads_to_the_first_page() -> None:
    first = search("q=x&page=4")
    narrowed = first.toggle("kind", "model").toggle("kind", "dataset")
    assert narrowed.choices["kind"] == ("model", "dataset")
    assert narrowed.page == 1
    assert narrowed.toggle("kind", "model").choices["kind"] == ("dataset",)
    assert narrowed.without_facets().choices["kind"] == ()
    assert narrowed.without_text().text == ""
    assert narrowed.is_narrowed
    assert not first.is_narrowed


@pytest.mark.parametrize(
    "box",
    ["1,2,3", "a,b,c,d", "1,2,3,4,5", "10,20,5,30", "0,60,1,50", "0,0,200,10", "nan,0,1,1", "1e9,0,1,1", "1,2,3,"],
)
def test_a_box_that_is_none_is_refused(box: str) -> None:
    with pytest.raises(InvalidInput):
        search(f"bbox={box}")


@pytest.mark.parametrize("period", ["from=soon", "to=2024-13", "from=2025&to=2024"])
def test_a_period_that_is_none_is_refused(period: str) -> None:
    with pytest.raises(InvalidInput):
        search(period)


def test_a_period_narrows_and_can_be_taken_away() -> None:
    narrowed = search("q=x&from=2024&to=2024-05")
    assert narrowed.is_narrowed
    assert narrowed.without_period().query_string() == narrowed.without_facets().query_string() == "?q=x"


@pytest.mark.parametrize("page", ["0", "-1", "x", "1e3", "9" * 30, "", "²"])
def test_odd_pages_are_the_first(page: str) -> None:
    assert search(f"page={page}").page == 1


def test_nobody_asks_the_index_for_more_than_it_answers() -> None:
    assert search("page=999999").query("en", 20).offset == MAX_OFFSET
    assert len(search("q=" + "x" * 5000).text) == 300
    assert len(search("&".join(f"keyword=k{n}" for n in range(100))).choices["keyword"]) == 20


@pytest.mark.parametrize(
    ("page", "pages", "numbers"),
    [
        (1, 1, [1]),
        (1, 3, [1, 2, 3]),
        (1, 500, [1, 2, None, 499, 500]),
        (5, 9, [1, 2, 3, 4, 5, 6, 7, 8, 9]),
        (250, 500, [1, 2, None, 249, 250, 251, None, 499, 500]),
        (500, 500, [1, 2, None, 499, 500]),
    ],
)
def test_page_numbers(page: int, pages: int, numbers: list[int | None]) -> None:
    assert page_numbers(page, pages) == numbers


def test_a_place_is_an_area_with_a_name_in_any_language() -> None:
    search = Search.read([("q", "noise"), ("place", "Ghent")])
    assert search.query("en", 20).bbox == (3.58, 50.97, 3.86, 51.19)
    assert search.query("en", 20).bbox == Search.read([("place", "Gent")]).query("en", 20).bbox
    assert search.pairs() == [("q", "noise"), ("place", "Ghent")]
    assert search.is_narrowed
    assert search.without_bbox().pairs() == [("q", "noise")]
    assert search.without_facets().query("en", 20).bbox is None
    with pytest.raises(InvalidInput, match="not known") as refusal:
        Search.read([("place", "Gentt")])
    assert "Gent" in refusal.value.remedy
