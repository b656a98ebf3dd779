"""Channels that leave the house, one file each, and the courier that uses them."""
