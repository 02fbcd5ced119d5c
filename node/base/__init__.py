"""The floor of the house: time, identifiers, errors, JSON, the transition-table engine, durable work.

Standard library only. Nothing here knows a protocol, a database or a city.
"""
