"""Encoders and decoders of pictures and video."""
