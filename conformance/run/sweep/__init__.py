"""Sweeps: every input of a domain, each result counted beside its true value."""
