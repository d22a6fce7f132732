"""What is required of the three functions, and whether it holds."""
