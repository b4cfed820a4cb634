"""Are labels what they are taken for: as wide as the crack, on the crack, of this picture, in a readable file?"""
