"""Views for pages, which combine several use cases."""
