"""Conversations with a peer: what negotiation and transfer share. Tables, messages, repeats, time line."""
