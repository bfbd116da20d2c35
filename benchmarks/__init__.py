"""Speed and memory, each as a ratio against a named peer run in the same process."""
