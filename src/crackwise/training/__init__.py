"""A recipe to a run folder: configuration, loop, validation, card."""
