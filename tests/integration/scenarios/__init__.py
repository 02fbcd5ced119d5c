"""Models and runs on real nodes."""
