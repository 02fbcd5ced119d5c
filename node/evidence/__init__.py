"""Write an agreement into one file that an auditor or a court can check without this node, and check such a file.

The file is a zip archive of plain parts. It has the bytes that both parties signed, the keys, the messages that led
to the agreement, and the places of the agreement in the ledgers. The node that wrote the file signs a list of all
parts with their hashes. The same agreement gives the same bytes.
"""
