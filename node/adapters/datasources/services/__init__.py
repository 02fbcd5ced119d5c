"""Services of sensors, mobility and linked data as data sources: thin adapters over HTTP."""
