"""The simulated sea: environment, waves, phenomena, and the image that a radar takes of it."""
