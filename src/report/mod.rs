//! Records in, figures and tables out. Pure.

pub mod figure;
