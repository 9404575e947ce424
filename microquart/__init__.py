"""The public names, those of Quart."""
