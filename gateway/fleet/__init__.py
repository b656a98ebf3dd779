"""A made-up chain: the upstream traffic of many branches, for load figures."""
