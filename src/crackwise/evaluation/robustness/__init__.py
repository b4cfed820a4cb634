"""A model on photographs made worse, condition by condition: how far its scores hold."""
