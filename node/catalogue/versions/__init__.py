"""What differs between two versions of an asset."""
