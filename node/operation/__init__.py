"""The operation of a node as its people see it: what waits for them, what ends soon, what does not work."""
