"""Requests with an ``Idempotency-Key``: carried out once, however often they are sent."""
