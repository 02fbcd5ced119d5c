"""Code lists: the values that a field may have, with the names that people use for them."""
