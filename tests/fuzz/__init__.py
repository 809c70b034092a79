"""A campaign of damaged inputs: ``make fuzz``, or ``python -m tests.fuzz --help``.

Each input is made of an undamaged one by a seeded generator and read in a process of its own. What comes of it must be
a right record or one error of ``mmvoxceleb.errors``, within 10 s and 1 GB, with nothing executed and no file or address
touched but its own.
"""
