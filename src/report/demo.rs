//! The demonstrations that a visitor sees before any model is loaded: real runs, stored with the site, beside
//! judgments that a program makes up. Both say what they are wherever they are shown. `tools/make_demo.py` makes the files.

use serde::{Deserialize, Serialize};

use super::figure::Figure;
use super::run_summary::run_summary;
use super::similarity::{SimilarityError, study_story};
use crate::eval::run::{ItemResult, RUN_SCHEMA, Run};
use crate::study::StudyError;
use crate::study::simulation::Simulation;
use crate::study::study::Study;

/// Where the demonstrations are, relative to the site's root, in the order shown.
pub const DEMO_PATHS: [&str; 2] = ["demo/run.json", "demo/pairs.json"];

/// A file at one of [`DEMO_PATHS`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Demo {
    /// A finished run of a real model.
    pub run: Run,
    /// Its results; the raw responses are left out to keep the page light.
    pub results: Vec<ItemResult>,
    /// Simulated raters to set beside the run; their judgments are made when they are shown.
    #[serde(default)]
    pub simulation: Option<Simulation>,
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
    /// The simulation is not of this study.
    #[error(transparent)]
    Study(#[from] StudyError),
    /// Run and study are not about the same things.
    #[error(transparent)]
    Similarity(#[from] SimilarityError),
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
    /// A run that is not labelled as a demonstration is refused.
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
        Ok(demo)
    }
}

/// The figure of the first page: the run, and beside it the simulated raters of `study` where the demonstration has
/// some.
///
/// # Errors
/// [`DemoError::Study`] and [`DemoError::Similarity`] if run, simulation and study do not fit each other.
pub fn demo_figure(demo: &Demo, study: Option<&Study>) -> Result<Figure, DemoError> {
    let (Some(simulation), Some(study)) = (&demo.simulation, study) else {
        return Ok(run_summary(&demo.run, &demo.results).figure);
    };
    let judgments = simulation.judgments(study)?;
    Ok(study_story(study, &judgments, &demo.run, &demo.results)?.scatter)
}
