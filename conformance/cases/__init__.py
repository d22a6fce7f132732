"""The inputs that requirements are judged on, as expressions."""
