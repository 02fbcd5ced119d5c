"""Transfer process (DSP 2025-1 §9): messages, machine, use cases; authorises every access to the bytes."""
