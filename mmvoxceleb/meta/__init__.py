"""The folder ``meta`` of a store: what was made of each clip, and who was taken out."""
