"""HTTP in: one module for each protocol; these modules do not import one another."""
