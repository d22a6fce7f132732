"""Measure how fast each call is, and since which release."""
