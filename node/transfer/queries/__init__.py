"""Asking a table under an agreement: the provider's answers, the consumer's questions."""
