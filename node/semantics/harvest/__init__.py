"""Catalogues of others: repair their syntax, cut them into records, examine these, and repair them by rules."""
