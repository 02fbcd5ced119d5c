"""Deletion of received data under an agreement: due, confirmed by the consumer, received by the provider."""
