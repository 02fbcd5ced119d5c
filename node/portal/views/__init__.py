"""What pages show, composed out of several use cases."""
