"""How good a model is: scores on labelled pictures, each with its protocol and its interval."""
