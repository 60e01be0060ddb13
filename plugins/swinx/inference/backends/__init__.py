"""Backends that run the network: PyTorch, OpenVINO."""
