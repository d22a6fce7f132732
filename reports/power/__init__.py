"""The power of the suite: how many faults drawn at random it catches, and which it does not."""
