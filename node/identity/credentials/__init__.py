"""Verifiable credentials: issued, held, presented, verified, revoked."""
