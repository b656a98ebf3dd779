"""Alerts at work: what members ask for, and what is rung when a machine becomes free."""
