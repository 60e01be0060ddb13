"""nnU-Net v2 as a teacher: data set, training, prediction."""
