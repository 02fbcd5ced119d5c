"""Partners who are notified in the form of NGSI-LD."""
