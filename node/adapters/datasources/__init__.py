"""The kinds of data sources that this node can read, each behind ``node.datasources.ports``."""
