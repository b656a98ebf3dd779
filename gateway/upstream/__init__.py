"""Upstream: what the branch tells its chain, and what it hears of its siblings."""
