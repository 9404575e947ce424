"""``microquart learn``: exercises on the core itself, each with one fault.

An exercise is an entry of ``info.toml``, which says what text of the core
becomes what, a program that shows the fault (``shows``), and functions that
have to pass (``checks``).  The learner gets a copy of the package with the
fault in it, and the program; the rest is kept from them.
"""
