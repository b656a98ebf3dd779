"""The gateway of one branch: from sensor bytes to numbered events and screens."""
