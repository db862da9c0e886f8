//! Tests with the real default model.
