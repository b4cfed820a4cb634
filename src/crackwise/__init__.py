"""crackwise: photographs in, measured cracks out."""
