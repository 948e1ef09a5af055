"""All masks of a picture: points everywhere, candidates, filters, duplicates, explanations."""
