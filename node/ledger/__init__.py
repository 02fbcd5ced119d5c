"""The ledger: everything that the node is responsible for, in one append-only order, under one Merkle tree."""
