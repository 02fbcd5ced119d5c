"""Accounts of people at this node: sign-in, second factor, limits on guessing."""
