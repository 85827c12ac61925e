"""Parameters of logistic regression."""
from coterie.learn.component import Params


class LogisticParams(Params):
    """What a job may choose."""
