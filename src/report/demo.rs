//! The demonstration that a visitor sees before any model is loaded: a real run, stored with the site, and judgments
//! that a program made up. Both say what they are wherever they are shown.

use serde::{Deserialize, Serialize};

use super::figure::Figure;
use super::run_summary::run_summary;
use crate::eval::run::{ItemResult, RUN_SCHEMA, Run};
use crate::study::judgment::Judgment;

/// Where the demonstration is, relative to the site's root.
pub const DEMO_PATH: &str = "demo/run.json";

/// The file at [`DEMO_PATH`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Demo {
    /// A finished run of a real model.
    pub run: Run,
    /// Its results.
    pub results: Vec<ItemResult>,
    /// Judgments of simulated raters; may be empty.
    #[serde(default)]
    pub judgments: Vec<Judgment>,
}

/// Why a demonstration cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// Not JSON of this shape.
    #[error("not a demonstration: {0}")]
    Json(#[from] serde_json::Error),
    /// Records of another layout.
    #[error("record layout {schema} is not supported")]
    Schema {
        /// The layout.
        schema: u32,
    },
    /// It would pass for something that it is not.
    #[error("{detail}")]
    Unlabelled {
        /// What is wrong.
        detail: &'static str,
    },
}

impl Demo {
    /// Reads and checks a demonstration.
    ///
    /// # Errors
    /// Anything that is not labelled as a demonstration or as simulated is refused.
    pub fn from_json(text: &str) -> Result<Self, DemoError> {
        let demo: Self = serde_json::from_str(text)?;
        if demo.run.schema != RUN_SCHEMA {
            return Err(DemoError::Schema { schema: demo.run.schema });
        }
        if !demo.run.demo {
            return Err(DemoError::Unlabelled { detail: "the run is not marked as a demonstration" });
        }
        if demo.results.iter().any(|result| result.run_id != demo.run.id) {
            return Err(DemoError::Unlabelled { detail: "a result belongs to another run" });
        }
        if demo.judgments.iter().any(|judgment| !judgment.simulated) {
            return Err(DemoError::Unlabelled { detail: "a judgment is not marked as simulated" });
        }
        Ok(demo)
    }
}

/// The figure of the first page.
pub fn demo_figure(demo: &Demo) -> Figure {
    run_summary(&demo.run, &demo.results).figure
}
