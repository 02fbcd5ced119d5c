"""Streams that take the messages of AMQP brokers."""
