"""Import of other catalogues into this one, with a report of each record."""
