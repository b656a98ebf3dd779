"""The configuration: typed, frozen, with units."""
