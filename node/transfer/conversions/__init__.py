"""Other formats of stored files, made by the provider on the way to a consumer."""
