"""Readers of annotated pictures, one file a format."""
