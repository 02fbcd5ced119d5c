"""Following other nodes' event streams: pages read, members verified, versions kept."""
