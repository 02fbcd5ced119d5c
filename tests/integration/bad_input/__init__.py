"""Bad input at every door."""
