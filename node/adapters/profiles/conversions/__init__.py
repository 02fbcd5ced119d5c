"""Other formats of stored files, made by DuckDB and GDAL in a confined process of its own."""
