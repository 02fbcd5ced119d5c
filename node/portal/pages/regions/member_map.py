"""The map of members, as the pages of members and of the region show it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

from node.portal.drawing.member_map import SHAPES, MemberMap, MemberMark, draw_members
from node.portal.markup import display_name
from node.portal.views.member_places import MemberPlace
from node.portal.views.region import Member
from node.portal.visit import Visit

if TYPE_CHECKING:
    from node.portal.responder import Responder


@dataclass(frozen=True, slots=True, kw_only=True)
class MembersOnMap:
    """The map, and what stands beside it. ``anchors`` name the rows of the table, by member; ``by_themselves`` are
    members that state their place, with its name; ``by_data`` are those placed by their datasets; ``others`` are
    links and names of those that have no place."""

    picture: MemberMap | None
    shown: int
    shapes: Sequence[tuple[str, str]]
    by_themselves: Sequence[tuple[str, str]]
    by_data: Sequence[str]
    others: Sequence[tuple[str, str]]
    anchors: Mapping[str, str]


def map_of_members(
    responder: Responder, visit: Visit, members: Sequence[Member], places: Sequence[MemberPlace]
) -> MembersOnMap:
    """Return the map of ``members``, of which ``places`` have a place."""
    anchors = {member.id: f"member-{sha256(member.id.encode()).hexdigest()[:10]}" for member in members}
    page = visit.url("/members")
    by_id = {place.id: place for place in places}
    marks = [
        MemberMark(
            name=_name(member),
            words=f"{_name(member)} – {visit.t(f'members.map.{_state(member)}')}",
            state=_state(member),
            link=f"{page}#{anchors[member.id]}",
            longitude=place.longitude,
            latitude=place.latitude,
        )
        for member in members
        if (place := by_id.get(member.id))
    ]
    files = responder.settings.maps
    return MembersOnMap(
        picture=draw_members(marks, files.land if files else None),
        shown=len(marks),
        shapes=[(state, shape) for state, shape in SHAPES.items() if any(mark.state == state for mark in marks)],
        by_themselves=[
            (_name(member), place.name) for member in members if (place := by_id.get(member.id)) and place.is_stated
        ],
        by_data=[_name(member) for member in members if (place := by_id.get(member.id)) and not place.name],
        others=[(f"{page}#{anchors[member.id]}", _name(member)) for member in members if member.id not in by_id],
        anchors=anchors,
    )


def _name(member: Member) -> str:
    return display_name(member.name, member.id)


def _state(member: Member) -> str:
    """Return the state of the copy of a member's catalogue, as one of three marks."""
    if member.block or member.quarantined or member.trouble:
        return "no"
    return "ok" if member.behind == 0 else "wait"
