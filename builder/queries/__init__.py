"""All that reads a decided folder."""
