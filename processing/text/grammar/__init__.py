"""The grammars that turn a label into sentences: the original one, and a natural one with more variety."""

from mmvoxceleb.processing.text.grammar.basics import random_of
from mmvoxceleb.processing.text.grammar.natural import describe_natural
from mmvoxceleb.processing.text.grammar.original import describe_original

__all__ = ["describe_natural", "describe_original", "random_of"]
