"""Data sources: the places outside the node's folder in which a city keeps its data, read under contract.

A *data source* is not the source of a harvest: that one is a catalogue of others, this one holds the city's own data.
"""
