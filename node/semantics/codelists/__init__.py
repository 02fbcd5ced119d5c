"""Code lists: the values that a field may have, by the names that people use for them."""
