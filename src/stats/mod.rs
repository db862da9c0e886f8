//! Statistics: numbers in, numbers out; knows no type of ours.
//!
//! | file | the question it answers |
//! | --- | --- |
//! | `proportion` | k of n: how sure is that share? |
//! | `calibration` | does confidence mean what it says? |
//! | `selective` | what is gained by answering only when sure? |
//! | `rank` | do two lists put things in the same order? |
//! | `rdm`, `distance` | which things are alike? |
//! | `rdm_compare` | do two RDMs agree? |
//! | `noise_ceiling` | how well could a perfect model agree with people who differ? |
//! | `mantel` | is an agreement of RDMs more than chance? |
//! | `rdm_bootstrap` | how would it move with other people and other items? |
//! | `mds`, `cluster` | how to draw likeness: a map, an order of rows |
//! | `cka` | do two sets of features tell the same items apart? |
//! | `kappa`, `krippendorff`, `icc` | do raters agree? |
//! | `reliability` | would a second measurement say the same? |
//! | `latent_class` | do raters fall into groups? |
//! | `ideal_point` | or do they lie between prototypes? |
//! | `discretion` | what do annotators do where principles conflict? |
//! | `bradley_terry` | who is stronger, from comparisons of two? |
//! | `triplets` | which of three is the odd one, and how well could that be predicted? |
//! | `triplet_embedding` | which points explain such answers? |
//! | `bootstrap` | how much would a number move with other items? |
//! | `permutation` | do two means differ by more than chance? |
//! | `mcnemar` | do two models fail on different items? |
//! | `outlier` | how far is something from what is known? |
//! | `multiplicity` | and with several such questions at once? |
//! | `distributions` | t, F, beta, binomial |
//! | `minimize` | smooth functions, by L-BFGS |
//! | `linalg` | small dense matrices, connected parts |
//! | `rng` | the one seeded source of chance, equal on every target |
//!
//! A statistic that the data do not define is a [`StatError`], never a NaN. Transcendental functions come from
//! `libm`, so that browsers and native builds agree to the last bit.

pub mod bootstrap;
pub mod bradley_terry;
pub mod calibration;
pub mod cka;
pub mod cluster;
pub mod committee;
pub mod discretion;
pub mod distance;
pub mod distributions;
pub mod icc;
pub mod ideal_point;
pub mod kappa;
pub mod krippendorff;
pub mod latent_class;
pub mod linalg;
pub mod mantel;
pub mod mcnemar;
pub mod mds;
pub mod minimize;
pub mod multiplicity;
pub mod noise_ceiling;
pub mod outlier;
pub mod permutation;
pub mod proportion;
pub mod rank;
pub mod rdm;
pub mod rdm_bootstrap;
pub mod rdm_compare;
pub mod reliability;
pub mod rng;
pub mod selective;
pub mod triplet_embedding;
pub mod triplets;

/// Why a statistic has no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StatError {
    /// Fewer observations than the statistic needs.
    #[error("{n} observations, at least {needed} are needed")]
    TooFew {
        /// Observations there.
        n: usize,
        /// Observations needed.
        needed: usize,
    },
    /// Paired lists of different lengths.
    #[error("paired lists of {left} and {right} values")]
    Lengths {
        /// Length of the first.
        left: usize,
        /// Length of the second.
        right: usize,
    },
    /// Every value is the same, so there is no order to compare.
    #[error("all values are equal")]
    Constant,
    /// A value is infinite or not a number.
    #[error("a value is not a finite number")]
    NotFinite,
    /// A count, level or probability outside of its range.
    #[error("{what} is out of range")]
    Range {
        /// Which argument.
        what: &'static str,
    },
    /// Pairs without a value where the method needs every pair.
    #[error("{n} pairs have no value and this method needs all of them")]
    Missing {
        /// Pairs without a value.
        n: usize,
    },
    /// The data fall into parts that nothing connects, so the parts cannot be placed against each other.
    #[error("the data fall into {parts} parts that no observation connects")]
    Disconnected {
        /// Number of parts.
        parts: usize,
    },
    /// A system of equations has no single solution.
    #[error("the equations have no single solution")]
    Singular,
    /// An iteration did not settle.
    #[error("no solution was found in {steps} steps")]
    NotConverged {
        /// Steps taken.
        steps: usize,
    },
    /// The statistic had no value in most resamples.
    #[error("undefined in {undefined} of {resamples} resamples")]
    Unstable {
        /// Resamples without a value.
        undefined: usize,
        /// Resamples drawn.
        resamples: usize,
    },
}
