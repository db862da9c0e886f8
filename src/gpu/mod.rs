//! Tensors, recordings, kernels; knows no model.
