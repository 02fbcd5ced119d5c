"""README.txt of the file: its contents, how to check it without Hansa, and the limits of the proof."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from node.negotiation.model import Agreement


@dataclass(frozen=True, slots=True)
class Command:
    """A command for the reader, and the purpose of the command."""

    shows: str
    line: str


_TEXT: Final = """\
AN AGREEMENT, WITH ITS EVIDENCE

Agreement   {id}
Provider    {provider}
Consumer    {consumer}
About       {dataset}
SHA-256     {sha256}
Written by  {writer}

To read it, open agreement.html in a browser, or print it.
To check all of it:  hansa agreement verify FILE     (needs no node and no network)
To check it by hand, read on. It takes a POSIX shell, sha256sum, openssl 3 and base64; Python 3 for the ledgers.


WHAT IS IN IT

agreement.html           the agreement for people to read, in the languages of both parties
agreement.json           the agreement itself, in its canonical form (RFC 8785): this is what was agreed
documents/LANGUAGE.html  the text in one language, exactly as both have signed its hash
signatures/SIDE.jws      what a party has signed, and its signature (RFC 7515); SIDE is provider or consumer
signatures/SIDE.signed   the same for openssl: the bytes that are signed
signatures/SIDE.sig      and the signature alone
keys/SIDE.did.json       the party's DID document as it was when its signature was checked: its public keys
keys/SIDE.signing.pem    the key that signs agreements, for openssl
keys/SIDE.ledger.pem     the key that signs the ledger, for openssl
offer.json               the offer that was accepted
messages/                the messages that led here, byte for byte, in order; index.json says which way and when,
                         and what happened to each ("fate": taken, refused, put-off, void; "late": after the end)
ledger/SIDE/             the place of the agreement in the party's ledger: entries, proofs, a signed checkpoint
rulebook.nq              the rulebook's description in the version that was agreed (where the writer holds it)
about.json               the names and dates that the writer keeps with the agreement
SHA256SUMS               the hashes of all parts; SHA256SUMS.sig is the writer's signature over it

A part that is missing here was not available: other connectors sign nothing and keep no ledger.


HOW TO CHECK IT BY HAND

1. No part was changed since the file was written:

   sha256sum -c SHA256SUMS

{commands}

   Each answers "Verified OK" or "Signature Verified Successfully".

3. What the signatures are over. This prints what a party has signed:

   cut -d. -f2 signatures/provider.jws | tr '_-' '/+' | base64 -d 2>/dev/null

   Its "sha256" is that of agreement.json:            sha256sum agreement.json
   Its "document" has the hash of each text:          sha256sum documents/*.html
   Where it has "unsigned", the party signed the agreement without these members, which are another's additions.
   Where it has "instead", the agreement stands in the place of drafts with these ids, and none of them is in force.

4. The keys are those of the parties. Everything above rests on the keys in this file. Compare them with those that
   the parties publish today, or ask the parties for their fingerprints:

   openssl pkey -pubin -in keys/provider.signing.pem -outform DER | sha256sum

   The keys of did:web:data.ghent.example are published at https://data.ghent.example/.well-known/did.json ;
   those of did:web:example.org:city at https://example.org/city/did.json .

5. The messages say the same. messages/index.json lists them in order; the agreement stands in the message
   ContractAgreementMessage, both signatures in that and in ContractAgreementVerificationMessage. In version 2024/1 of
   the protocol its members bear prefixes there.

6. The agreement is in the ledgers. For each entry in ledger/SIDE, this leads from the entry to the root that the
   party has signed (RFC 9162, 2.1.3.2):

   python3 - ledger/provider/01-agreement <<'END'
   import base64, hashlib, json, sys
   name = sys.argv[1]
   leaf, proof = open(name + ".leaf.json", "rb").read(), json.load(open(name + ".proof.json"))
   body = hashlib.sha256(open(name + ".body.json", "rb").read()).hexdigest()
   assert json.loads(leaf)["sha256"] == body, "the body is another"
   node = lambda left, right: hashlib.sha256(b"\\x01" + left + right).digest()
   root, at, last = hashlib.sha256(b"\\x00" + leaf).digest(), proof["index"], proof["size"] - 1
   for other in map(base64.b64decode, proof["path"]):
       if at & 1 or at == last:
           root = node(other, root)
           while not at & 1 and at:
               at, last = at >> 1, last >> 1
       else:
           root = node(root, other)
       at, last = at >> 1, last >> 1
   print(proof["size"], base64.b64encode(root).decode())
   END

   It must print the second and the third line of ledger/SIDE/checkpoint.txt.


WHAT IT DOES NOT PROVE

That the keys belong to the parties: see 4. That a person was entitled to bind a party. When something was signed:
the times are those of the nodes' clocks; a ledger proves an order, not its dates. That the messages are all there
were, and their times and answers: for these the writer alone vouches, by its signature over the list; the agreement
and what both have signed do not depend on it. That a promise was kept.


PARTS

{parts}
"""


def text(writer: str, agreement: Agreement, parts: Sequence[str], commands: Sequence[Command]) -> str:
    """Return README.txt for a file with these parts and commands."""
    lines = ["2. The signatures hold:"] + [f"   # {command.shows}\n   {command.line}" for command in commands]
    return _TEXT.format(
        id=_plain(agreement.id),
        provider=_plain(agreement.provider),
        consumer=_plain(agreement.consumer),
        dataset=_plain(agreement.dataset),
        sha256=agreement.sha256,
        writer=writer,
        commands="\n\n".join(lines),
        parts="\n".join(parts),
    )


def _plain(text: str) -> str:
    """Return a foreign name without characters that control a terminal."""
    return "".join(character for character in text if character.isprintable())
