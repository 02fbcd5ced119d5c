"""Catalogues in XML: answers of CSW servers and OAI-PMH repositories, and their records, as statements of DCAT."""
