"""The public face of the node: what plug-ins and federation may use. Nothing is defined here.

Names in ``__all__`` and their meanings stay the same between versions; everything else in ``node`` may change.
"""

from __future__ import annotations

from node.base.clock import Clock, moment, stamp
from node.base.errors import (
    Conflict,
    HansaError,
    InvalidInput,
    NotAllowed,
    NotFound,
    PeerUnreachable,
    RemoteFault,
)
from node.base.jsons import canonical, read_object
from node.base.work import Transaction, UnitOfWork
from node.catalogue.browse import Browse, Publisher
from node.catalogue.envelope import envelope_of, ledger_body, open_record, signing_key, stated_at
from node.catalogue.feed.commitment import Frontier, hash_text, leaf_of
from node.catalogue.feed.heads import Head, head_key, open_head
from node.catalogue.meaning.python_classes import OntologyClasses
from node.catalogue.model import INTERNAL, PUBLIC, QUARANTINE, Followed, Record
from node.catalogue.names import check_audience, check_file_name, check_record_iri, check_statements
from node.catalogue.nquads import Statement, iri_of, is_blank, is_iri, line, readable_statements, statement, text_of
from node.catalogue.ports import FollowStore, RecordStore
from node.catalogue.publication.catalogue import PLURALS
from node.catalogue.versions.storage import VersionStorage
from node.datasources import ports as data_source_ports
from node.datasources.model import Credentials, Setup
from node.identity.did import did_of
from node.identity.documents import key_for
from node.identity.model import Caller, DidDocument, UserRole
from node.identity.periods import document_at
from node.identity.ports import Peers
from node.identity.roles import UseCase, allowed, require
from node.ledger.merkle import verify_consistency
from node.ledger.model import EntryKind
from node.ledger.ports import Append
from node.ledger.proofs import consistency_from_json, read_hash
from node.negotiation import strategy as negotiation_strategy
from node.vocab.namespaces import DCT, FOAF, HANSA, LDES, PROV, RDF, TREE
from node.web.caller_checks import knowing

__all__ = [
    "DCT",
    "FOAF",
    "HANSA",
    "INTERNAL",
    "LDES",
    "PLURALS",
    "PROV",
    "PUBLIC",
    "QUARANTINE",
    "RDF",
    "TREE",
    "Append",
    "Browse",
    "Caller",
    "Clock",
    "Conflict",
    "Credentials",
    "DidDocument",
    "EntryKind",
    "FollowStore",
    "Followed",
    "Frontier",
    "HansaError",
    "Head",
    "InvalidInput",
    "NotAllowed",
    "NotFound",
    "OntologyClasses",
    "PeerUnreachable",
    "Peers",
    "Publisher",
    "Record",
    "RecordStore",
    "RemoteFault",
    "Setup",
    "Statement",
    "Transaction",
    "UnitOfWork",
    "UseCase",
    "UserRole",
    "VersionStorage",
    "allowed",
    "canonical",
    "check_audience",
    "check_file_name",
    "check_record_iri",
    "check_statements",
    "consistency_from_json",
    "data_source_ports",
    "did_of",
    "document_at",
    "envelope_of",
    "hash_text",
    "head_key",
    "iri_of",
    "is_blank",
    "is_iri",
    "key_for",
    "knowing",
    "leaf_of",
    "ledger_body",
    "line",
    "moment",
    "negotiation_strategy",
    "open_head",
    "open_record",
    "read_hash",
    "read_object",
    "readable_statements",
    "require",
    "signing_key",
    "stamp",
    "stated_at",
    "statement",
    "text_of",
    "verify_consistency",
]
