"""Our own plug-ins: what the core offers through its own hooks."""
