"""Publishing over HTTP: files, descriptions, joint changes."""
