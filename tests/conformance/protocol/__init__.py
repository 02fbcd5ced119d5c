"""The Dataspace Protocol against its official forms."""
