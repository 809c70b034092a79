"""Multimodal VoxCeleb: load, stream, regenerate, publish and train on talking-face clips."""
