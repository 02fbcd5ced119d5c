"""The portal: pages for people, rendered on the server and whole without JavaScript.

The portal reads and acts through one port (``node.portal.ports.Node``) and decides nothing itself: what a
caller may see or do is answered by the use cases behind the port. Every state of a page has a URL; every
facet and every action is a plain link or form. Not here: JSON, RDF and protocol doors (``node.web``).
"""
