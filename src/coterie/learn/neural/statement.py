"""What a neural network shows."""

__all__ = ["HISTORY", "MODEL"]

MODEL = "weights and biases of every layer; mean and deviation of a numeric label"
HISTORY = "mean loss of the rows of training and of those held back, after each epoch"
