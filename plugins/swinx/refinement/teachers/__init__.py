"""Teachers: a bundle, a folder of predictions, an ensemble, nnU-Net."""
