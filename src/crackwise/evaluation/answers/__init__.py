"""Where the answers to labelled pictures come from: a model or a folder, at which threshold, and how they are seen."""
