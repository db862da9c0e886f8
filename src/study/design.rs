//! Kinds of question a study can ask. One file each; a variant here and a view in the interface.

use serde::{Deserialize, Serialize};

/// What a participant is asked on each trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Design {
    /// Every pair of stimuli is rated for similarity once ([`super::pair_rating`]).
    PairRating,
}
