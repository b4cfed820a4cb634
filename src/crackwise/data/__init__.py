"""Labelled pictures: where they are, how they are labelled, split, checked, varied and loaded."""
