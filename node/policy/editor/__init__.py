"""Conditions as a form: rules and constraints in rows, from ODRL and back, without losing what no row can show."""
