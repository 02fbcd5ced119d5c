"""Storage in SQLite or PostgreSQL, through SQLAlchemy Core: transactions, and a store for each port.

``engine`` opens a database, ``migrate`` brings its schema up to date, ``work`` runs transactions, ``backup`` copies
it; ``schema`` holds all tables, and each room's stores are in the module with the room's name.
"""
