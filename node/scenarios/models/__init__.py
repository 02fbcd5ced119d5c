"""Models: their code, their cards, and their execution here or at another participant."""
