"""The SPARQL view on Oxigraph: each audience's triples in one graph, queries in the cage."""
