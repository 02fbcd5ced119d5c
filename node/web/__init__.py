"""HTTP in: one module for each protocol; they are independent of one another."""
