"""The model that ships in the package; `crackwise.load_predictor()` opens it."""
