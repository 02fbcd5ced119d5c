"""Make Python classes of an ontology with Owlready2: in memory, without network, files or code of the ontology.

Owlready2 fetches what ``owl:imports`` names, and imports the Python modules that annotations of its own vocabulary
name. Both are left out here before it reads anything.
"""

from __future__ import annotations

import io
import threading
from dataclasses import dataclass
from typing import Any, Final

from node.base.errors import InvalidInput, TooLarge
from node.vocab.namespaces import OWL

MOST_STATEMENTS: Final = 100_000
_IMPORTS: Final = f" <{OWL}imports> ".encode()
_COMMANDS: Final = b"lesfleursdunormal.fr/static/_downloads/owlready_ontology.owl"
"""The vocabulary of Owlready2: names of modules to import, and of attributes to set."""
_BASE: Final = "urn:hansa:ontology"

_LOCK: Final = threading.Lock()
"""Owlready2 keeps what it is loading in variables of its modules."""


@dataclass(frozen=True, slots=True)
class Owlready2World:
    """A world of Owlready2 with one ontology. Implements ``node.catalogue.meaning.python_classes.World``."""

    world: Any
    ontology: Any

    def close(self) -> None:
        """Free the memory."""
        with _LOCK:
            self.ontology.destroy()
            self.world.close()


def load_classes(ntriples: bytes, iri: str) -> Owlready2World:
    """Return the ontology in ``ntriples``, whose address is ``iri``, in a world of its own. It blocks.

    Raises ``TooLarge``, and ``InvalidInput`` if Owlready2 cannot make classes of it.
    """
    lines = [line for line in ntriples.splitlines() if _IMPORTS not in line and _COMMANDS not in line]
    if len(lines) > MOST_STATEMENTS:
        raise TooLarge(
            f"the ontology and its imports have {len(lines)} statements; at most {MOST_STATEMENTS} become classes",
            remedy="open its modules one by one",
        )
    with _LOCK:
        # Loaded at first use: few plug-ins need it.
        import owlready2

        world = owlready2.World()
        try:
            ontology = world.get_ontology(_BASE).load(fileobj=io.BytesIO(b"\n".join(lines)), format="ntriples")
            # What contradicts the rules of classes in Python shows only when they are made.
            for _ in (*world.classes(), *world.properties()):
                pass
        except Exception as error:
            world.close()
            raise InvalidInput(
                f"Python classes cannot be made of {iri}: {str(error)[:300]}",
                remedy="correct the ontology; hansa reason checks it",
            ) from error
    return Owlready2World(world, ontology)
