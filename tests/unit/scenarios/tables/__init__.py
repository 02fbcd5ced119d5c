"""Tables: spans, units, bindings."""
