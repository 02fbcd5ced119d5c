"""HTTP in: one door a protocol, each a module; they do not know one another."""
