"""Sets of annotated pictures from one form into another."""
