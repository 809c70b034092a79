"""Where bytes come from: folders, zips, one zip per clip, local or by any fsspec URL."""
