"""Who somebody is: keys, DIDs, tokens, credentials, people and their roles. Verification is pure."""
