"""protocol.md: each clause of the Dataspace Protocol 2025-1, where it lives in the code, and what tests it.

The clauses, their numbers and titles are facts of the standard. What is named beside them is looked up: a name that
does not exist, and a clause of which nothing is said, stop the generator.
"""

from __future__ import annotations

import re
import sys
from functools import cache
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Final

from reference_pages.markdown import code, table

ROOT: Final = Path(__file__).resolve().parents[2]

INTRO = """
# The Dataspace Protocol, clause by clause

This page lists the clauses of the Dataspace Protocol 2025-1, the code that implements each of them, and its tests.
The clauses have the numbers of the published text, in which *Scope* is clause 1. The code is below `node/`: a dotted
name is a module and a definition in it. Names such as `CN:01-04` are tests of the official kit ([run the
kit](../how-to/run-the-kit.md)): `make tck` runs all of them, and `make test` runs some.

Four kinds of tests cover the whole protocol: the official kit (`make tck`, 65 tests), a live Eclipse EDC
(`make interop`), a simulated adversary (`make simulate`), and processes that are killed (`make storm`, `make sweep`).

[States](states.md), [end points](http.md) and [errors](errors.md) are generated from the tables that the code uses.
[Talking to other connectors](interoperability.md) says where a node differs from the standard, and why.
"""

NEGOTIATIONS: Final = "negotiation.usecases.Negotiations"
TRANSFERS: Final = "transfer.usecases.Transfers"
BY_HAND: Final = "tests/integration/protocol/test_dsp_by_hand.py"
EXCHANGE: Final = "tests/conformance/protocol/test_dsp_exchange.py"
SCHEMAS: Final = "tests/conformance/protocol/test_dsp_schemas.py"
FORMS: Final = "tests/conformance/protocol/test_dsp_forms.py"
MACHINE: Final = "tests/unit/negotiation/test_machine.py"
LIVES: Final = "tests/property/test_conversations.py"
CALLBACKS: Final = "tests/integration/bad_input/test_bad_input_callbacks.py"

KIT: Final = re.compile(r"(?P<group>CAT|CN|CN_C|TP|TP_C):(?P<of>\d\d)-(?P<number>\d\d)")

Clause = tuple[str, str, str, tuple[str, ...], tuple[str, ...]]
"""Number, title, what it asks of us in a few words, names in the code, tests (``file``, ``file::name``, or a name of
the kit's)."""

DSP: Final = "web.dsp.routes._Endpoints"

UNDER: Final = {
    "4": 4, "4.3": 1, "5.2": 2, "5.3": 3, "5.4": 4, "6": 1, "6.2": 2, "6.3": 2, "7.1": 2, "7.2": 6, "7.3": 2,
    "8": 1, "8.2": 6, "8.3": 6, "9.1": 3, "9.2": 5, "9.3": 2, "10": 1, "10.2": 6, "10.3": 5,
}  # fmt: skip
"""How many of its clauses below each heading ask something of a connector."""

CLAUSES: Final[tuple[Clause, ...]] = (
    ("4.1", "Authorization", "each request has a token of DCP 1.0; another authenticator can be built in",
     ("web.callers", "identity.correspondence.Correspondence"),
      ("tests/integration/bad_input/test_bad_input_tokens.py",)),
    ("4.2", "Schemas & Contexts", "we send the form of the schemas, and read other JSON-LD; no context is loaded",
     ("dialogue.wire", "vocab.dsp.CONTEXTS"), (SCHEMAS, FORMS, "tests/conformance/protocol/test_dsp_generated.py")),
    ("4.3", "Exposure of Versions", "`/.well-known/dspace-version`, unversioned, for everybody",
     ("web.wellknown.routes", "vocab.dsp.VERSIONS"), (f"{EXCHANGE}::test_catalogue_dataset_and_versions",)),
    ("4.3.1", "HTTPS Binding", "`path` is below the root; root and path together are the base address",
     ("vocab.dsp.DspVersion",), (f"{EXCHANGE}::test_catalogue_dataset_and_versions",)),
    ("4.4", "Discovery of Service Endpoints", "the services in the DID document",
     ("identity.documents.build_document",), (f"{EXCHANGE}::test_the_services_of_the_did_document",)),
    ("5.2.1", "Catalog Request Message", "received with its filter, and sent to other nodes",
     ("catalogue.dsp.DspCatalogue.catalog", "adapters.peers.catalogues.RemoteCatalogues.datasets"),
     ("tests/unit/catalogue/test_dsp.py",)),
    ("5.2.2", "Dataset Request Message", "the id is the address of the dataset",
     ("catalogue.dsp.DspCatalogue.dataset", "adapters.peers.catalogues.RemoteCatalogues.dataset"),
     ("tests/unit/catalogue/test_dsp.py",)),
    ("5.3.1", "ACK - Catalog", "datasets that the caller may see, services, nested catalogues",
     ("catalogue.dsp.DspCatalogue",), (f"{EXCHANGE}::test_catalogue_dataset_and_versions",
      "tests/integration/federation/test_region_catalogue.py")),
    ("5.3.2", "ACK - Dataset", "one offer, its distributions and their service",
     ("catalogue.dsp.DspCatalogue.dataset", "policy.odrl"),
     (f"{SCHEMAS}::test_the_offer_of_each_template_is_valid",)),
    ("5.3.3", "ERROR - Catalog Error", "always in the body, with the reason",
     ("web.dsp.refusals.Refusals.catalog",), (f"{EXCHANGE}::test_errors_are_the_protocols_own_objects",)),
    ("5.4.1", "Queries and Filter Expressions", "a documented filter; any other filter is refused with 400",
     ("catalogue.filters.Filter",), ("tests/unit/catalogue/test_dsp.py",)),
    ("5.4.2", "Replication Protocol", "not used: nodes follow each other's event streams instead",
     ("catalogue.feed.pages",), ("tests/integration/federation/test_feed_pages.py",)),
    ("5.4.3", "Security", "a caller cannot tell what it may not see from what does not exist",
     ("catalogue.visibility",), ("tests/integration/catalogue/test_catalogue_visibility.py",)),
    ("5.4.4", "Catalog Brokers", "a region lists its members as nested catalogues",
     ("catalogue.dsp.Member",), ("tests/integration/federation/test_region_catalogue.py",)),
    ("6.1", "Introduction", "media type, errors of the catalogue",
     ("web.dsp.routes.routes", "web.dsp.refusals.Refusals.catalog"),
     (f"{EXCHANGE}::test_errors_are_the_protocols_own_objects",)),
    ("6.2.1", "The catalog/request Endpoint", "POST", (f"{DSP}.catalog",), ("CAT:01-01",)),
    ("6.2.2", "The catalog/datasets/:id Endpoint", "GET", (f"{DSP}.dataset",), ("CAT:01-02", "CAT:01-03")),
    ("6.3.1", "Pagination", "`Link` with first, previous and next",
     ("catalogue.dsp.DspCatalogue.previous", f"{DSP}.catalog", "adapters.peers.catalogues.RemoteCatalogues"),
     ("tests/unit/catalogue/test_dsp.py", "tests/interop/cases.py")),
    ("6.3.2", "Compression", "answers are not compressed; compressed answers of others are read, within limits",
     ("adapters.egress.bodies",), ("tests/unit/egress/test_client.py",)),
    ("7.1.1", "States", "a state is entered when the receiver has acknowledged the message",
     ("negotiation.machine.TABLE", "dialogue.machine.advance"), (f"{MACHINE}::test_every_state_message_and_role",)),
    ("7.1.2", "State Machine", "one table, no side effects; final states do not change",
     ("negotiation.machine.TABLE", "dialogue.machine.Table"), (MACHINE, LIVES)),
    ("7.2.1", "Contract Request Message", "opens a negotiation, or answers an offer with other terms",
     ("negotiation.messages.request", f"{NEGOTIATIONS}.receive_request", f"{NEGOTIATIONS}.request",
      "negotiation.limits"),
     (f"{EXCHANGE}::test_an_offer_a_counter_offer_and_an_acceptance", "tests/integration/protocol/test_limits.py")),
    ("7.2.2", "Contract Offer Message", "opens a negotiation, or answers a request with other terms",
     ("negotiation.messages.offer", f"{NEGOTIATIONS}.receive_offer", f"{NEGOTIATIONS}.offer", "negotiation.limits"),
     (f"{BY_HAND}::test_an_offer_that_nobody_asked_for_waits_for_a_person",
       "tests/integration/protocol/test_limits.py")),
    ("7.2.3", "Contract Agreement Message", "made from the last offer and signed; the consumer checks it first",
     ("negotiation.agreement.draft", "negotiation.proposal.check"), ("tests/unit/negotiation/test_proposal.py",)),
    ("7.2.4", "Contract Agreement Verification Message", "signed by the consumer",
     ("negotiation.messages.verification", "negotiation.agreement.verify"),
     ("tests/integration/agreements/test_agreement_files.py",)),
    ("7.2.5", "Contract Negotiation Event Message", "ACCEPTED by the consumer, FINALIZED by the provider",
     ("negotiation.messages.event",), (f"{MACHINE}::test_every_state_message_and_role",)),
    ("7.2.6", "Contract Negotiation Termination Message", "with code and reasons; both sides store it",
     ("negotiation.messages.termination", f"{NEGOTIATIONS}.terminate"),
     (f"{EXCHANGE}::test_a_refusal_with_reasons", f"{EXCHANGE}::test_a_consumers_termination")),
    ("7.3.1", "ACK - Contract Negotiation", "a state of the protocol, never an internal one",
     ("negotiation.messages.acknowledgement",), (f"{SCHEMAS}::test_what_we_write_is_valid",)),
    ("7.3.2", "ERROR - Contract Negotiation Error", "code and reasons; changes no state",
     ("negotiation.messages.error",), (f"{EXCHANGE}::test_errors_are_the_protocols_own_objects",)),
    ("8.1", "Introduction", "400 if the state does not allow it; 404 if nothing is there or the caller has no access",
     ("web.dsp.routes.routes", "web.dsp.refusals.Refusals.contract", "dialogue.conversation.Conversation.find"),
     ("tests/integration/bad_input/test_bad_input_access.py",
      "tests/integration/bad_input/test_bad_input_hidden.py")),
    *((f"8.2.{number}", f"The {path} Endpoint (Provider-side)", verb, (f"{DSP}.{call}", f"{NEGOTIATIONS}.{does}"),
       tests) for number, path, verb, call, does, tests in (
        (1, "negotiations/:providerPid", "GET", "show_negotiation", "show", ("CN:01-01", "CN:02-02")),
        (2, "negotiations/request", "POST", "open_negotiation", "receive_request", ("CN:01-04",)),
        (3, "negotiations/:providerPid/request", "POST", "negotiation", "receive", ("CN:01-02", "CN:03-04")),
        (4, "negotiations/:providerPid/events", "POST", "negotiation", "receive", ("CN:01-03", "CN:03-03")),
        (5, "negotiations/:providerPid/agreement/verification", "POST", "negotiation", "receive",
         ("CN:01-04", "CN:03-02")),
        (6, "negotiations/:providerPid/termination", "POST", "negotiation", "receive", ("CN:02-02", "CN:03-01")))),
    ("8.3.1", "Prerequisites", "below the callback address, with or without a final slash; only the caller's own",
     ("negotiation.messages.path", f"{DSP}._check_callback"), (CALLBACKS,)),
    *((f"8.3.{number}", f"The {path} Endpoint (Consumer-side)", "POST", (f"{DSP}.{call}", f"{NEGOTIATIONS}.{does}"),
       tests) for number, path, call, does, tests in (
        (2, "negotiations/offers", "open_negotiation", "receive_offer",
         (f"{BY_HAND}::test_nobody_offers_what_is_not_its_own",)),
        (3, "negotiations/:consumerPid/offers", "negotiation", "receive", ("CN_C:01-01", "CN_C:03-05")),
        (4, "negotiations/:consumerPid/agreement", "negotiation", "receive", ("CN_C:01-04", "CN_C:03-02")),
        (5, "negotiations/:consumerPid/events", "negotiation", "receive", ("CN_C:01-04", "CN_C:03-01")),
        (6, "negotiations/:consumerPid/termination", "negotiation", "receive", ("CN_C:02-01", "CN_C:02-04")))),
    ("9.1.1", "Prerequisites", "push and pull of finite data; each read is authorised again",
     ("transfer.access.AuthoriseAccess", "transfer.push.PushBytes", "transfer.receiving.reception",
      "transfer.inbox.TakePush"),
     ("tests/integration/exchange/test_push.py", "tests/integration/exchange/test_sealed_transfer.py")),
    ("9.1.2", "States", "bytes are delivered only in the state STARTED",
     ("transfer.machine.TABLE", "transfer.access.require_standing"), ("tests/unit/transfer/test_access.py",)),
    ("9.1.3", "State Machine", "one table, no side effects; final states do not change",
     ("transfer.machine.TABLE",), (MACHINE, LIVES)),
    ("9.2.1", "Transfer Request Message", "a repeated `consumerPid` means the same transfer",
     ("transfer.messages.request", f"{TRANSFERS}.receive_request", "transfer.addresses.read_push_address"),
     (f"{EXCHANGE}::test_an_agreement_and_a_transfer",)),
    ("9.2.2", "Transfer Start Message", "with a data address to pull from; sent by the consumer, it asks to resume",
     ("transfer.messages.start", "transfer.addresses.pull_address", "transfer.reactions"),
     (f"{EXCHANGE}::test_suspension_and_resumption_by_either_side",
      f"{BY_HAND}::test_a_consumer_does_not_resume_what_the_provider_has_suspended")),
    ("9.2.3", "Transfer Suspension Message", "access ends when the suspension is decided",
     ("transfer.messages.suspension", f"{TRANSFERS}.command"),
     (f"{BY_HAND}::test_a_suspended_transfer_goes_on_and_all_bytes_arrive",)),
    ("9.2.4", "Transfer Completion Message", "sent when all bytes have arrived and were checked",
     ("transfer.messages.completion", f"{TRANSFERS}.notify_provider"),
     (f"{EXCHANGE}::test_an_agreement_and_a_transfer",)),
    ("9.2.5", "Transfer Termination Message", "with code and reasons",
     ("transfer.messages.termination", f"{TRANSFERS}.command"),
     (f"{BY_HAND}::test_a_terminated_transfer_is_over_for_good",)),
    ("9.3.1", "ACK - Transfer Process", "a state of the protocol",
     ("transfer.messages.acknowledgement",), (f"{SCHEMAS}::test_what_we_write_is_valid",)),
    ("9.3.2", "ERROR - Transfer Error", "code and reasons; changes no state",
     ("transfer.messages.error",), (f"{EXCHANGE}::test_errors_are_the_protocols_own_objects",)),
    ("10.1", "Introduction", "as clause 8.1",
     ("web.dsp.routes.routes", "web.dsp.refusals.Refusals.transfer", "dialogue.conversation.Conversation.find"),
     ("tests/integration/bad_input/test_bad_input_access.py",)),
    *((f"10.2.{number}", f"The {path} Endpoint (Provider-side)", verb, (f"{DSP}.{call}", f"{TRANSFERS}.{does}"),
       tests) for number, path, verb, call, does, tests in (
        (1, "transfers/:providerPid", "GET", "show_transfer", "show", ("TP:02-01", "TP:02-05")),
        (2, "transfers/request", "POST", "open_transfer", "receive_request", ("TP:01-02",)),
        (3, "transfers/:providerPid/start", "POST", "transfer", "receive",
         ("TP:03-04", f"{EXCHANGE}::test_suspension_and_resumption_by_either_side")),
        (4, "transfers/:providerPid/completion", "POST", "transfer", "receive", ("TP:02-02", "TP:03-01")),
        (5, "transfers/:providerPid/termination", "POST", "transfer", "receive", ("TP:02-01", "TP:02-05")),
        (6, "transfers/:providerPid/suspension", "POST", "transfer", "receive", ("TP:02-03", "TP:03-02")))),
    ("10.3.1", "Prerequisites", "as clause 8.3.1", ("transfer.messages.path",), (CALLBACKS,)),
    *((f"10.3.{number}", f"The transfers/:consumerPid/{path} Endpoint (Consumer-side)", "POST",
       (f"{DSP}.transfer", f"{TRANSFERS}.receive"), tests) for number, path, tests in (
        (2, "start", ("TP_C:01-01", "TP_C:01-04")), (3, "completion", ("TP_C:01-02",)),
        (4, "termination", ("TP_C:01-05",)), (5, "suspension", ("TP_C:01-03",)))),
)  # fmt: skip

CHAPTERS: Final = {
    "4": "Common requirements",
    "5": "Catalog Protocol",
    "6": "Catalog HTTPS Binding",
    "7": "Contract Negotiation Protocol",
    "8": "Contract Negotiation HTTPS Binding",
    "9": "Transfer Process Protocol",
    "10": "Transfer Process HTTPS Binding",
}


def protocol() -> str:
    """The page."""
    _require_all()
    parts = [INTRO]
    for chapter, title in CHAPTERS.items():
        rows = [_row(clause) for clause in CLAUSES if clause[0].partition(".")[0] == chapter]
        parts += [f"## {chapter} {title}\n", table(("clause", "", "here", "in the code", "tests"), rows)]
    return "\n".join(parts)


def _require_all() -> None:
    """Stop the generator where a clause is missing, stands twice, or is none of the standard's."""
    expected = sorted(f"{heading}.{number}" for heading, count in UNDER.items() for number in range(1, count + 1))
    said = sorted(clause[0] for clause in CLAUSES)
    if expected != said:
        differing = sorted({number for number in (*expected, *said) if expected.count(number) != said.count(number)})
        raise SystemExit(f"protocol.md says nothing, or too much, of the clauses {', '.join(differing)}")


def _row(clause: Clause) -> list[str]:
    number, title, sentence, names, tests = clause
    if not names or not tests:
        raise SystemExit(f"nothing is said of where clause {number} lives, or of what tests it")
    return [
        f"§{number}",
        title,
        sentence,
        ", ".join(_name(name) for name in names),
        ", ".join(_test(test) for test in tests),
    ]


def _name(dotted: str) -> str:
    """A link to the file that defines ``dotted`` (below ``node``). Stops the generator where nothing does."""
    parts = dotted.split(".")
    for length in range(len(parts), 0, -1):
        path = ROOT.joinpath("node", *parts[:length])
        if path.with_suffix(".py").is_file():
            value = import_module(".".join(("node", *parts[:length])))
            for part in parts[length:]:
                if not hasattr(value, part):
                    raise SystemExit(f"there is no {dotted} in node")
                value = getattr(value, part)
            return f"[{code(dotted)}](../../{path.with_suffix('.py').relative_to(ROOT)})"
    raise SystemExit(f"there is no {dotted} in node")


def _test(named: str) -> str:
    kit = KIT.fullmatch(named)
    if kit is not None:
        if _dataset(kit) not in _tried():
            raise SystemExit(f"tests/tck knows no test {named} of the kit")
        return f"[{code(named)}](../how-to/run-the-kit.md)"
    file, _, function = named.partition("::")
    path = ROOT / file
    text = path.read_text("utf-8") if path.is_file() else ""
    if not text or (function and not re.search(rf"^def {function}\b", text, re.MULTILINE)):
        raise SystemExit(f"there is no test {named}")
    return f"[{code(function or path.stem)}](../../{file})"


def _dataset(kit: re.Match[str]) -> str:
    """The dataset or agreement of a test of the kit, as ``tests/tck`` names it: CN_C:02-03 → ACNC0203."""
    group = kit["group"].replace("_", "")
    return f"{group if group == 'CAT' else f'A{group}'}{kit['of']}{kit['number']}"


@cache
def _tried() -> frozenset[str]:
    """All that ``tests/tck`` has something for."""
    spec = spec_from_file_location("script", ROOT / "tests" / "tck" / "script.py")
    if spec is None or spec.loader is None:
        raise SystemExit("tests/tck/script.py is not there")
    script = module_from_spec(spec)
    sys.modules[spec.name] = script
    spec.loader.exec_module(script)
    scripts = (script.PROVIDING, script.CONSUMING, script.SENDING, script.RECEIVING)
    return frozenset({*script.LISTED, "CAT0103"}.union(*scripts))
