"""One request through every layer, to the byte.

Nothing else of the package knows this folder: taps are put into objects, at
their seams, and taken out again.
"""
