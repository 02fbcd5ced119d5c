"""Publication: a submission becomes a version in the ledger, or a report of errors."""
