"""The releases of a framework as the commits that asv measures, and its results."""
