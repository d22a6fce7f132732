"""Tests of this project itself, one module per module."""
