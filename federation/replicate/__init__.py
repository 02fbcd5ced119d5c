"""Following other nodes' event streams: reads pages, verifies members, stores versions."""
