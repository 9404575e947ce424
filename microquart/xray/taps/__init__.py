"""The taps: each calls what it stands for, and tells what passed.

A tap changes no argument, no result, no exception, and not who waits.
"""
