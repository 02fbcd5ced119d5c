"""Our shapes files against the shapes of SHACL itself (SHACL-SHACL), as the reference engine applies them.

The fast engine overlooks some slips (a count that is no number), so they are looked for here.
"""

from __future__ import annotations

import pytest
import rdflib
from pyshacl import validate
from pyshacl.errors import ReportableRuntimeError

from node.semantics import resources

BROKEN = """
@prefix sh: <http://www.w3.org/ns/shacl#> .
<http://x/s> a sh:NodeShape ; sh:property [ sh:path <http://x/p> ; sh:minCount "many" ] .
"""


def check(text: str) -> bool:
    shapes = rdflib.Graph().parse(data=text, format="turtle")
    conforms, _, _ = validate(rdflib.Graph(), shacl_graph=shapes, meta_shacl=True, inference="none")
    return bool(conforms)


@pytest.mark.parametrize("file", resources.names("shapes"))
def test_file_is_good_shacl(file: str) -> None:
    assert check(resources.read("shapes", file).decode())


def test_a_slip_would_be_found() -> None:
    with pytest.raises(ReportableRuntimeError):
        check(BROKEN)
