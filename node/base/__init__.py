"""The base of all other packages: time, identifiers, errors, JSON, the transition-table engine, durable work.

Standard library only. Nothing here depends on a protocol, a database or a city.
"""
