"""Regenerate the modalities of a dataset: crops, masks, drawings, labels and text, from any face video.

Imported as ``mmvoxceleb.processing``; needs ``pip install 'mmvoxceleb[processing]'``.
"""
