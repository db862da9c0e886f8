//! Signs of careless answering. They are flags for the reader, never a reason to delete a record.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::judgment::{Judgment, effective};
use super::pair_rating::TrialKind;

/// Answers faster than this cannot have read two words (milliseconds).
pub const TOO_FAST_MILLIS: f64 = 300.0;
/// Share of main answers that may be faster than [`TOO_FAST_MILLIS`].
pub const TOO_FAST_SHARE: f64 = 0.1;
/// Length of a run of the same rating that looks like straight-lining.
pub const STRAIGHT_LINE: u32 = 15;
/// Mean distance between first and second rating that looks like guessing, as a share of the scale's width.
/// Two independent uniform ratings of 1 to 7 are 0.38 apart on average.
pub const REPEAT_DISTANCE: f64 = 0.3;

/// Names of flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FlagName {
    /// A catch trial was failed.
    CatchFailed,
    /// Too many answers came too fast.
    TooFast,
    /// Many equal ratings in a row.
    StraightLining,
    /// Second ratings are far from the first.
    Unreliable,
}

/// A sign of careless answering.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Flag {
    /// Which.
    pub name: FlagName,
    /// What was found.
    pub score: f64,
    /// The limit it went past.
    pub threshold: f64,
}

/// What one session's answers look like.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quality {
    /// Catch trials passed.
    pub n_catch_passed: u32,
    /// Catch trials answered.
    pub n_catch: u32,
    /// First and second rating of each repeated pair.
    pub repeats: Vec<(u8, u8)>,
    /// Mean absolute distance between them as a share of the scale's width; `None` without repeats.
    pub repeat_distance: Option<f64>,
    /// Main answers faster than [`TOO_FAST_MILLIS`].
    pub n_too_fast: u32,
    /// Main answers.
    pub n_main: u32,
    /// Longest run of equal ratings over main trials.
    pub longest_run: u32,
    /// Median response time of main trials in milliseconds.
    pub median_rt_millis: Option<f64>,
    /// Limits that were passed.
    pub flags: Vec<Flag>,
}

/// Looks at the judgments of one session. `scale_width` is highest minus lowest rating.
pub fn of_session(judgments: &[Judgment], scale_width: u8) -> Quality {
    let judgments = effective(judgments);
    let by_trial: BTreeMap<u32, u8> =
        judgments.iter().filter_map(|judgment| Some((judgment.trial_index, judgment.rating()?))).collect();
    let (mut n_catch, mut n_catch_passed, mut n_too_fast, mut longest_run, mut run) = (0, 0, 0, 0, 0);
    let mut last = None;
    let (mut repeats, mut times) = (Vec::new(), Vec::new());
    for judgment in &judgments {
        let Some(rating) = judgment.rating() else { continue };
        match &judgment.trial {
            TrialKind::Main => {
                times.push(judgment.rt_millis);
                n_too_fast += u32::from(judgment.rt_millis < TOO_FAST_MILLIS);
                run = if last == Some(rating) { run + 1 } else { 1 };
                last = Some(rating);
                longest_run = longest_run.max(run);
            }
            TrialKind::RepeatOf { trial } => repeats.extend(by_trial.get(trial).map(|first| (*first, rating))),
            TrialKind::Catch { lowest, highest, .. } => {
                n_catch += 1;
                n_catch_passed += u32::from((*lowest..=*highest).contains(&rating));
            }
        }
    }
    let distance: f64 = repeats.iter().map(|(first, second)| f64::from(first.abs_diff(*second))).sum();
    let repeat_distance =
        (!repeats.is_empty() && scale_width > 0).then(|| distance / repeats.len() as f64 / f64::from(scale_width));
    let n_main = times.len() as u32;
    let mut quality = Quality {
        n_catch_passed,
        n_catch,
        repeats,
        repeat_distance,
        n_too_fast,
        n_main,
        longest_run,
        median_rt_millis: median(&mut times),
        flags: Vec::new(),
    };
    quality.flags = flags(&quality);
    quality
}

fn flags(quality: &Quality) -> Vec<Flag> {
    let mut flags = Vec::new();
    let mut flag = |name, score: f64, threshold: f64, past: bool| {
        if past {
            flags.push(Flag { name, score, threshold });
        }
    };
    let failed = f64::from(quality.n_catch - quality.n_catch_passed);
    flag(FlagName::CatchFailed, failed, 0.0, failed > 0.0);
    let fast = f64::from(quality.n_too_fast) / f64::from(quality.n_main.max(1));
    flag(FlagName::TooFast, fast, TOO_FAST_SHARE, fast > TOO_FAST_SHARE);
    let (run, limit) = (f64::from(quality.longest_run), f64::from(STRAIGHT_LINE));
    flag(FlagName::StraightLining, run, limit, run >= limit);
    if let Some(distance) = quality.repeat_distance {
        flag(FlagName::Unreliable, distance, REPEAT_DISTANCE, distance > REPEAT_DISTANCE);
    }
    flags
}

fn median(values: &mut [f64]) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let upper = *values.get(middle)?;
    if values.len() % 2 == 1 { Some(upper) } else { Some(f64::midpoint(*values.get(middle - 1)?, upper)) }
}
