"""Profiles of data files by DuckDB and GDAL, in children of the cage: both are loaded at first use, never before."""
