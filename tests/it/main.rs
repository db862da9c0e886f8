//! The native tests.
#![allow(clippy::unwrap_used, reason = "in a test, what is not there is a failure")]

mod abstention;
mod adaptive;
mod catalog;
mod classes;
mod forward;
mod fuzz;
mod honesty;
mod hostile;
mod items;
mod layering;
mod model_participant;
mod parsers;
mod picture_set;
mod png_file;
mod probes;
mod representation;
mod shaders;
mod stats;
mod stats_agreement;
mod stats_bradley_terry;
mod stats_calibration;
mod stats_groups;
mod stats_outlier;
mod stats_resampling;
mod stats_rsa;
mod stats_structure;
mod stats_triplets;
mod store;
mod studies;
mod suite;
mod tasks;
mod tidy;
mod tokenizers;
mod vision;
mod vit;
