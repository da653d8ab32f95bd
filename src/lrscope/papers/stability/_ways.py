"""The ways to choose the learning rate that the bench compares. Names only: what reads records needs no PyTorch."""

CONSTANT = "constant"
GUIDED = "gradient angle"
WAYS = (CONSTANT, "cosine", "hypergradient", "sharpness-capped", "Adam", GUIDED)
