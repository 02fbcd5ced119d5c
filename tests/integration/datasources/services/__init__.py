"""Services of sensors, mobility and linked data, read under contract."""
