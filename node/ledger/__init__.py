"""The ledger: everything the node answers for, in one append-only order, under one Merkle tree."""
