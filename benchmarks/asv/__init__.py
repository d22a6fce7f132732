"""The releases of a framework as the commits that asv walks, and its results."""
