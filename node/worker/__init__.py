"""The worker: sends what is in the outbox, follows the ledger with the views, keeps the timers."""
