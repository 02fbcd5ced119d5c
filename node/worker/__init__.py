"""The worker: sends the messages in the outbox, updates the views from the ledger, runs the timers."""
