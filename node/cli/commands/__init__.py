"""The commands of ``hansa``, one module for each subject."""
