//! Records in, figures and tables out. Pure.

pub mod blind_study;
pub mod class_figures;
pub mod class_groups;
pub mod class_summary;
pub mod comparison;
pub mod demo;
pub mod export;
pub mod figure;
pub mod held_out;
pub mod inspect_log;
pub mod lm_eval;
pub mod merge;
pub mod model_participant;
pub mod rating_sweep;
pub mod representation;
pub mod run_summary;
pub mod scale;
pub mod sight;
pub mod similarity;
pub mod stats_command;
pub mod study_export;
pub mod study_formats;
pub mod study_plan;
pub mod study_summary;
pub mod suite_comparison;
pub mod suite_summary;
