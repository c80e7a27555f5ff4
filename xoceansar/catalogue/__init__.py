"""What catalogues and archives hold: searches, downloads, and which files belong together."""
