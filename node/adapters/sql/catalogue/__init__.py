"""Parts of the store of records, beside its statements."""
