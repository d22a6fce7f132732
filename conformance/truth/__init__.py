"""True values in ball arithmetic, error bounds, and the formats they are held in."""
