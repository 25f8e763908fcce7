"""A small shop that is not ours: its world, an MCP server and an HTTP API over it, and a model that plays in it."""
