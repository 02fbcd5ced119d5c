"""Catalogues of others brought into this one: each record entered, and a report of each."""
