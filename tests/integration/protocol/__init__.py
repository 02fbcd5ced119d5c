"""The wire of the Dataspace Protocol and of DCP."""
