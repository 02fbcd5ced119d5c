"""The statement of a record that holds a story: one value, signed with the record."""

from __future__ import annotations

from typing import Final

from node.catalogue.model import Record
from node.catalogue.nquads import iri_term, line, literal_term
from node.catalogue.statements import Statements
from node.scenarios.stories.model import Story
from node.scenarios.stories.serialization import read_story, story_text
from node.vocab.namespaces import HANSA, RDF

STORY: Final = f"{HANSA}story"


def story_statement(iri: str, story: Story) -> str:
    """Return the statement (N-Quads, without line end) that ``story`` is that of the result ``iri``."""
    return line(iri_term(iri), iri_term(STORY), literal_term(story_text(story), datatype=f"{RDF}JSON"))


def stated_story(record: Record) -> Story | None:
    """Return the story in ``record``; None if it states none in a form that this node knows."""
    return read_story(Statements(record).value(iri_term(record.iri), STORY))
