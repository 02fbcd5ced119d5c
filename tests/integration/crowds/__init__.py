"""Many callers at once, strangers and callers that misbehave."""
