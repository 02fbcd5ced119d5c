"""The IRIs we speak, typed in as facts. No code lives here."""
