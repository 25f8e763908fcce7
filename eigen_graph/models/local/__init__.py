"""Models that run in this process: how a dialogue becomes tokens, and `hf:` models. Importing it imports no torch."""
