"""Identity providers over OpenID Connect."""
