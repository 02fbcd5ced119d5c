"""Contract negotiation (DSP 2025-1 §7): messages, machine, use cases."""
