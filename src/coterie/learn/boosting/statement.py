"""What boosted trees show."""

__all__ = ["HISTORY", "IMPORTANCE", "MODEL", "SHAP"]

MODEL = "the trees: of which column each split is, and where; categories by name; counts and leaves"
IMPORTANCE = "gain, cover and number of splits of each feature, and its mean share in the scores"
SHAP = "share of each feature in the score of each row"
HISTORY = "mean loss of the rows of training and of those held back, after each round"
