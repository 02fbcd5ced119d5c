"""Catalogues of others: mended in their syntax, cut into records, examined, and repaired by rules."""
