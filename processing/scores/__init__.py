"""Figures by which clips are chosen."""
