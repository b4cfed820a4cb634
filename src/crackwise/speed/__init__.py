"""How fast models are, side by side on one machine."""
