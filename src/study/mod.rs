//! Human judgments: designs, sessions, records. Pure.
