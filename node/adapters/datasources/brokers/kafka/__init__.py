"""Kafka: streams take the messages of its topics, and webhooks send events to them."""
