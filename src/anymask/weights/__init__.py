"""Checkpoints in, a model ready to use out; see README.md."""
