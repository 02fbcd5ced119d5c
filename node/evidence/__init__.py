"""Write an agreement into one file that an auditor or a court can check without this node, and check such a file.

The file is a zip archive of plain parts. What both have signed stands in it byte for byte, next to the keys, the
messages that led to it and the places of the agreement in the ledgers; a list of all parts with their hashes is
signed by the node that wrote the file. The same agreement gives the same bytes.
"""
