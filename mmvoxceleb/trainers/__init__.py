"""Exports that a trainer reads: one file per trainer, written from what its loader opens.

:data:`mmvoxceleb.trainers.table.TRAINERS` is the table; :func:`mmvoxceleb.trainers.export.export_for` writes one.
"""
