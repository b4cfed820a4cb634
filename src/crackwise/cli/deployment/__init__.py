"""Commands that take a model to where photographs come from."""
