"""The embedded teacher: an OpenAI-compatible server whose replies are computed."""
