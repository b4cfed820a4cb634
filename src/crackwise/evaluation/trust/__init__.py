"""Whether probabilities mean what they say, and whether confidence tells right from wrong."""
