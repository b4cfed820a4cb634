"""Pictures in and out: strict reading, tiles, scale, drawings, files that appear whole."""
