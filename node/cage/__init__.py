"""The cage: disposable children in which everything untrusted is parsed, queried or run."""
