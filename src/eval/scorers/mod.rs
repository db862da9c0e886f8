//! Rules that read an answer out of a response. Each is a pure function and says which rule decided.

pub mod abstention;
pub mod choice;
pub mod labels;
pub mod text_match;
