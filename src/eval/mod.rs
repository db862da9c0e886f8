//! What is asked and how answers are judged. Pure: no IO, no clock, no device.

pub mod engine;
pub mod item;
pub mod run;
pub mod score;
pub mod task;
