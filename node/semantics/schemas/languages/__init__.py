"""The languages of schemas: read as JSON Schema of a row, shown as one table of fields, written again."""
