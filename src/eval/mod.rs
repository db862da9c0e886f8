//! What is asked and how answers are judged. Pure: no IO, no clock, no device.

pub mod abstention;
pub mod bench;
pub mod engine;
pub mod import;
pub mod item;
pub mod metrics;
pub mod overrule;
pub mod picture_set;
pub mod prompts;
pub mod run;
pub mod runner;
pub mod score;
pub mod scorers;
pub mod scripted;
pub mod sight;
pub mod stimuli;
pub mod suite;
pub mod task;
pub mod tasks;
pub mod transcript;
pub mod transition;
