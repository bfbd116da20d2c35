"""Requests that check answers before admission, and how their replies are read: blind answers, marks, rewritten answers."""
