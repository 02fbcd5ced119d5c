"""The name of the file that shows programs that a node serves from a data folder."""

from typing import Final

SERVING_LOCK: Final = "serving.lock"
"""In the data folder. The program that serves from the folder holds a lock (``flock``) on it."""
