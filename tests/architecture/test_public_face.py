"""What plug-ins may use keeps its name: a change here is a change of ``node.api`` for everybody who extends Hansa."""

from __future__ import annotations

import inspect

from node import api, hookspecs

FACE = """
DCT FOAF HANSA INTERNAL LDES PLURALS PROV PUBLIC QUARANTINE RDF TREE
Append Browse Caller Clock Conflict DidDocument EntryKind FollowStore Followed Frontier HansaError Head InvalidInput
NotAllowed NotFound OntologyClasses PeerUnreachable Peers Publisher Record RecordStore RemoteFault Statement
Credentials Transaction Setup UnitOfWork UseCase UserRole VersionStorage
allowed require
canonical check_audience check_file_name check_record_iri check_statements consistency_from_json did_of document_at
envelope_of
hash_text head_key iri_of is_blank is_iri key_for knowing leaf_of ledger_body line moment negotiation_strategy
data_source_ports
open_head open_record read_hash read_object readable_statements signing_key stamp stated_at statement text_of
verify_consistency
"""

HOOKS = {
    "hansa_routes": ("host",),
    "hansa_tasks": ("host",),
    "hansa_data_sources": ("egress", "clock"),
    "hansa_admitted": ("host", "address", "by"),
    "hansa_negotiation_strategy": ("otherwise",),
}


def test_the_public_face_is_what_was_promised() -> None:
    """Adding is a new promise: add it here and in the reference. Removing breaks plug-ins."""
    assert sorted(api.__all__) == sorted(FACE.split())


def test_every_promise_is_kept() -> None:
    assert [name for name in api.__all__ if not hasattr(api, name)] == []
    own = [
        name for name in api.__all__ if inspect.isclass(getattr(api, name)) or inspect.isfunction(getattr(api, name))
    ]
    assert [name for name in own if not inspect.getdoc(getattr(api, name))] == []
    assert [name for name in own if getattr(api, name).__module__ == "node.api"] == [], "nothing is defined there"


def test_hooks_take_what_was_promised() -> None:
    parameters = {
        name: tuple(inspect.signature(hook).parameters)
        for name, hook in vars(hookspecs).items()
        if name.startswith("hansa_") and callable(hook)
    }
    assert parameters == HOOKS
