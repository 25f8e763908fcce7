"""Training on what was synthesized: the user model by SFT, the agent by SFT, then by GRPO on the checkers' rewards.

Needs the extra `rl`. Importing this package does not import torch: that is left to the modules that train.
"""
