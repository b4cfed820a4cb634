"""Many runs from one page: planned, trained, judged, and laid beside published numbers."""
