"""Files that somebody else made: what they are in, and how they are opened without harm."""
