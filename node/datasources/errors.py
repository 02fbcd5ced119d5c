"""Errors of data sources. None names the address of a source, its user or its secret: readers see them."""

from __future__ import annotations

from node.base.errors import Conflict, PeerUnreachable, RemoteFault


class DataSourceUnreachable(PeerUnreachable):
    """A data source does not answer, breaks off, or its answer cannot be used."""

    code = "data-source-unreachable"
    status = 502
    title = "The data source does not answer as it should"


class DataSourceSlow(DataSourceUnreachable):
    """A data source does not answer in time."""

    code = "data-source-slow"
    status = 504
    title = "The data source is too slow"


class DataSourceRefuses(DataSourceUnreachable):
    """A data source refuses the credentials of this node."""

    code = "data-source-refuses"
    status = 502
    title = "The data source refuses this node"


class DataSourceChanged(Conflict):
    """The data changed while they were read."""

    code = "data-source-changed"
    title = "The data changed while they were read"


class SinkOccupied(Conflict):
    """Other content is at the place to which data are sent, or at which the node is to delete its copy."""

    code = "sink-occupied"
    title = "Something else is at this place of the data source"


class EarlierContent(SinkOccupied):
    """Other content was at the place before this node sent a byte there."""


class SinkRefuses(RemoteFault):
    """A data source does not take the data."""

    code = "data-source-takes-nothing"
    status = 422
    title = "The data source does not take the data"


class NoSuchRange(RemoteFault):
    """The item has no bytes in the range."""

    code = "range-not-satisfiable"
    status = 416
    title = "The file does not have that range"


class NonconformingObservations(RemoteFault):
    """None of the observations of a message conforms to the schema of their stream. ``faults`` have the reasons."""

    code = "nonconforming-observations"
    status = 422
    title = "The observations do not conform"
