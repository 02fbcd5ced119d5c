"""The W3C's test suites of SHACL and SPARQL 1.1, against the engines as Hansa uses them."""
