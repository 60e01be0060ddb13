"""SMIT's losses: masked image prediction, and distillation of patch and image tokens."""
