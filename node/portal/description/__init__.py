"""What a description says, prepared for pages."""
