"""Conversations with a peer: the common part of negotiation and transfer. Tables, messages, repeats, time line."""
