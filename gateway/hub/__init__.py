"""The hub of a chain: what its branches send, kept in PostgreSQL and served from there."""
