"""Tables of rows: files, units, places, times, and the column mapping."""
