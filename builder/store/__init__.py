"""A dataset folder on disk or at an address: its files, its manifest, its lock, and whose a place is."""
