"""A run of one target: its calls measured, its checks judged, its process supervised."""
