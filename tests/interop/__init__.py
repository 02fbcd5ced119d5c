"""A live Eclipse EDC as a peer: ``make interop``."""
