"""Commands for operators and auditors."""
