//! Worker side and page side of the thread boundary.
