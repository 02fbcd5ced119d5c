"""The portal: pages for people, rendered on the server; they work without JavaScript.

The portal reads and acts through its use cases (``node.portal.usecases``) and decides nothing itself: the use cases
decide what a caller may see or do. Every state of a page has a URL; every facet and every action is a plain link or
form. Not here: endpoints for JSON, RDF and protocols (``node.web``).
"""
