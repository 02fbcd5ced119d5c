"""Policies: the ODRL model, the one decision point, reasons in plain words, templates."""
