"""Identity: keys, DIDs, tokens, credentials, people and their roles. Verification is a pure function."""
