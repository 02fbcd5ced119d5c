"""Stand-ins: tables that look like those that may not be seen."""
