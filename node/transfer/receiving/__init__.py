"""The consumer's side of a transfer: bytes arrive, are counted as used, verified and kept."""
