"""Seedbed's dataset builder: seed tasks or files in, a curated and explained dataset out."""

__version__ = "0.1.0"
