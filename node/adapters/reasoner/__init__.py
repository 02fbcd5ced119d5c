"""The reasoner for OWL 2 DL: HermiT by owlready2, in a confined process of its own."""
