"""Attributes that can be measured: figures of frames, and the rules that decide by them."""
