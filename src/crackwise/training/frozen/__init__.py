"""What frozen networks, an encoder or a teacher, say of training views; computed once and kept where wanted."""
