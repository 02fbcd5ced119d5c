"""The Dataspace Protocol over HTTP."""
