//! Architectures as tables, one readable forward pass.
