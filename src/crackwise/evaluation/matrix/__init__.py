"""Models by test sets."""
