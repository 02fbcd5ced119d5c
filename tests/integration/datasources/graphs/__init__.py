"""Streams that take the messages of Kafka, and events that go there."""
