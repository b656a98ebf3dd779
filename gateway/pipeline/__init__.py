"""The one task that owns the order: what was heard becomes events."""
