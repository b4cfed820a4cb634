"""How a map is compared with a label, one family of scores a file: what a picture counts, and what sums say."""
