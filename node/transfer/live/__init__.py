"""Reading data where they are, under an agreement: the provider's reads, the consumer's address and token."""
