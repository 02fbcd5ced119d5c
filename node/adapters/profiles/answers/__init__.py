"""The forms of an answer to a question in SQL: JSON, CSV and Parquet."""
