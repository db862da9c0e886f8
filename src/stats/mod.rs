//! Statistics: numbers in, numbers out; knows no type of ours.
//!
//! | file | the question it answers |
//! | --- | --- |
//! | `proportion` | k of n: how sure is that share? |
//! | `rank` | do two lists put things in the same order? |
//! | `calibration` | does confidence mean what it says? |
//! | `selective` | what is gained by answering only when sure? |
//! | `bootstrap` | how much would a number move with other items? |
//! | `rng` | the one seeded source of chance, equal on every target |
//!
//! A statistic that the data do not define is a [`StatError`], never a NaN. Transcendental functions come from
//! `libm`, so that browsers and native builds agree to the last bit.

pub mod bootstrap;
pub mod calibration;
pub mod proportion;
pub mod rank;
pub mod rng;
pub mod selective;

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
    /// The statistic had no value in most resamples.
    #[error("undefined in {undefined} of {resamples} resamples")]
    Unstable {
        /// Resamples without a value.
        undefined: usize,
        /// Resamples drawn.
        resamples: usize,
    },
}
