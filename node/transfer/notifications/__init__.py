"""Subscriptions of partners in the form of NGSI-LD: what is shared with them is sent to addresses of theirs."""
