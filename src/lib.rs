//! Likewise runs small quantized models on the visitor's own GPU, asks them and people the same questions,
//! and sets the answers side by side. `ARCHITECTURE.md` has the map.
//!
//! Four straight lines go through the crate:
//! - load a model: `ui` → `worker` → `inference::load` → `formats` → `models` → `gpu`
//! - run a task: `ui` → `worker` → `eval::runner` → `eval::tasks` → `inference` → `gpu` → score → `store`
//! - record a judgment: `ui` → `study::session` → `store` → next trial
//! - draw a result: `store` → `report` → `Figure` → `ui::charts`

pub mod formats;
pub mod platform;
pub mod stats;

pub mod eval;
pub mod report;
pub mod study;

pub mod cpu;
pub mod gpu;
pub mod inference;
pub mod models;
pub mod vision;

pub mod protocol;
pub mod store;
#[cfg(target_arch = "wasm32")]
pub mod worker;

pub mod app;
#[cfg(target_arch = "wasm32")]
pub mod ui;
