"""The networks, written for this project: only tensors in and out, no files and no downloads."""
