"""The cage: disposable child processes that parse, query or run everything untrusted."""
