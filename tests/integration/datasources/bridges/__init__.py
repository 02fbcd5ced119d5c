"""Streams of partners that go on to brokers."""
