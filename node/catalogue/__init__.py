"""The catalogue: records of every kind, who may see them, how they are found and followed."""
