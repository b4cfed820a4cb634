"""Why a model says crack: maps of what its answer rests on, and how faithful those maps are."""
