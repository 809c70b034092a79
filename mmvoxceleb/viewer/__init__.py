"""The browser viewer: an overview of all clips, a player for one, hand-made labels, and two stores side by side.

``catalog`` holds what is known of all clips in columns and ``query`` answers filters from them; ``indexing`` fills
them in the background; ``app`` serves the page of ``static/``.
"""
