"""Demands of licences on works made from the licensed one: facts, entered by hand.

A table of *attributes*, never of pairs: published matrices of compatible licences are not transitive, so that two
correct answers in a row can give a wrong one. The licences allowed for a result follow from the attributes of all
inputs (``node.policy.flow.result``). A licence that is not in the table is not understood: works based on it have a
note about this.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from node.policy.terms import COMMERCIAL_USE, COMPENSATE, CREDIT, SHARE_ALIKE
from node.semantics.codelists.licences import LICENCES, NATIONAL_LICENCES

BY_SA: Final = "CC-BY-SA-4.0"
BY_NC_SA: Final = "CC-BY-NC-SA-4.0"
ODBL: Final = "ODbL-1.0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Licence:
    """The attributes of one licence, as far as they bind a work made from the licensed one.

    ``duties`` and ``withheld`` are actions. ``alike`` is the only licence (its code) under which a derived work may
    be published; ``into`` lists share-alike licences under which a derived work may be published although they differ
    from this one; ``free``: a derived work may have any licence. ``derivatives`` is False if derived works are not
    allowed.
    """

    code: str
    iri: str
    title: str
    duties: tuple[str, ...] = ()
    withheld: tuple[str, ...] = ()
    alike: str = ""
    into: frozenset[str] = frozenset()
    free: bool = False
    derivatives: bool = True

    def goes_under(self, alike: str) -> bool:
        """Return whether a work derived from this one may be published under the share-alike licence ``alike``."""
        return self.free or alike in self.into or self.alike == alike


def licence(name: str) -> Licence | None:
    """Return the facts about a licence, by its IRI, code or name; None if the licence is unknown here."""
    code = LICENCES.find(name) or NATIONAL_LICENCES.find(name)
    return None if code is None else _with_facts(Licence(code=code.code, iri=code.iri, title=code.label()))


_FREE: Final = frozenset({"CC0-1.0", "PDDL-1.0", "VL-CC0", "DL-DE-ZERO-2.0"})
_CREDIT_ONLY: Final = frozenset({"ODC-BY-1.0", "DL-DE-BY-2.0", "LO-2.0", "VL-GRATIS"})


def _with_facts(licence: Licence) -> Licence | None:
    if licence.code in _FREE:
        return replace(licence, free=True)
    if licence.code in _CREDIT_ONLY:
        return replace(licence, duties=(CREDIT,))
    if licence.code == ODBL:
        # CC BY 4.0 does not go into it (OpenStreetMap asks its authors for a waiver), nor does DL-DE-BY-2.0 (for a
        # declaration): hence neither names it under ``into``.
        return replace(licence, duties=(CREDIT, SHARE_ALIKE), alike=ODBL)
    if licence.code == "VL-VERGOEDING":
        return replace(licence, duties=(CREDIT, COMPENSATE))
    return _creative_commons(licence) if licence.code.startswith("CC-BY") else None


def _creative_commons(licence: Licence) -> Licence:
    name, _, version = licence.code.rpartition("-")
    licence_ = replace(
        licence,
        duties=(CREDIT,),
        withheld=(COMMERCIAL_USE,) if "-NC" in name else (),
        derivatives="-ND" not in name,
    )
    if name.endswith("-SA"):
        # From 2.0 on the licence itself admits later versions for adaptations (its clause 4b); 1.0 does not.
        alike = licence.code if version == "1.0" else BY_NC_SA if "-NC" in name else BY_SA
        return replace(licence_, duties=(CREDIT, SHARE_ALIKE), alike=alike)
    if licence.code == "CC-BY-4.0":
        # Only from BY to BY-SA, never back.
        return replace(licence_, into=frozenset({BY_SA, BY_NC_SA}))
    if licence.code == "CC-BY-NC-4.0":
        return replace(licence_, into=frozenset({BY_NC_SA}))
    return licence_
