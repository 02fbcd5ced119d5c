"""Stories of published results over HTTP."""
