"""Which new record is which vanished one: by identifier, and only where there is no doubt."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from node.catalogue.harvest.renames import Marks, judge

IDENTIFIERS = st.frozensets(st.sampled_from("abcd"), max_size=2)
RECORDS = st.dictionaries(st.integers(0, 7).map(str), IDENTIFIERS, max_size=8)


def marks(*texts: str) -> Marks:
    return frozenset(texts)


def test_one_vanished_and_one_new_with_its_identifier_are_one() -> None:
    judgement = judge([marks("x")], before={"1": marks("x"), "2": marks("y")}, later={"2": marks("y")}, absent={"1"})
    assert (judgement.addresses, judgement.doubts) == ({0: "1"}, {})


def test_two_new_ones_with_the_identifier_are_in_doubt() -> None:
    judgement = judge([marks("x"), marks("x")], before={"1": marks("x")}, later={}, absent={"1"})
    assert judgement.addresses == {}
    assert set(judgement.doubts) == {0, 1}


def test_two_vanished_ones_with_the_identifier_are_in_doubt() -> None:
    judgement = judge([marks("x")], before={"1": marks("x"), "2": marks("x")}, later={}, absent={"1", "2"})
    assert judgement.addresses == {}
    assert judgement.doubts[0].facts == {"case": "doubtful-rename", "before": 2, "now": 1}


def test_an_identifier_that_another_record_has_taken_over_identifies_nothing() -> None:
    before = {"1": marks("x"), "2": marks("y")}
    judgement = judge([marks("x")], before=before, later={"2": marks("x")}, absent={"1"})
    assert (judgement.addresses, set(judgement.doubts)) == ({}, {0})


def test_what_is_still_listed_is_no_former_record_of_anything() -> None:
    judgement = judge([marks("x")], before={"1": marks("x")}, later={"1": marks("x")}, absent=set())
    assert (judgement.addresses, judgement.doubts) == ({}, {})


def test_identifiers_that_lead_to_two_records_are_in_doubt() -> None:
    before = {"1": marks("x"), "2": marks("y")}
    judgement = judge([marks("x", "y")], before=before, later={}, absent={"1", "2"})
    assert (judgement.addresses, set(judgement.doubts)) == ({}, {0})


@given(before=RECORDS, new=st.lists(IDENTIFIERS, max_size=5), gone=st.frozensets(st.integers(0, 7).map(str)))
def test_a_rename_is_one_to_one_and_without_rivals(
    before: dict[str, Marks], new: list[Marks], gone: frozenset[str]
) -> None:
    vanished = gone & set(before)
    listed = {address: texts for address, texts in before.items() if address not in vanished}
    judgement = judge(new, before=before, later=listed, absent=vanished)
    assert not set(judgement.addresses) & set(judgement.doubts)
    assert len(set(judgement.addresses.values())) == len(judgement.addresses)
    for place, address in judgement.addresses.items():
        assert address in vanished
        shared = new[place] | before[address]
        assert new[place] & before[address]
        rivals = [*listed.values(), *(texts for other, texts in enumerate(new) if other != place)]
        rivals += [texts for other, texts in before.items() if other != address and texts & new[place]]
        assert not any(texts & shared for texts in rivals)
