"""Measuring one cell: inputs, the clock, the audit, the limits of the machine."""
