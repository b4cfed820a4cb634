"""How far an answer can be trusted: what probabilities mean, whether views agree, which photographs need a person."""
