//! Signs of careless answering. They are flags for the reader, never a reason to delete a record.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::design::Design;
use super::judgment::{Judgment, effective};
use super::study::Study;
use super::trial::{Answer, TrialKind};

/// Share of main answers that may be faster than the design's limit ([`Design::too_fast_millis`]).
pub const TOO_FAST_SHARE: f64 = 0.1;
/// Length of a run of the same button that looks like straight-lining.
pub const STRAIGHT_LINE: u32 = 15;
/// Mean distance between first and second rating that looks like guessing, as a share of the scale's width.
/// Two independent uniform ratings of 1 to 7 are 0.38 apart on average.
pub const REPEAT_DISTANCE: f64 = 0.3;
/// Share of repeats answered differently that looks like guessing; by chance it is 2/3 for one of three.
pub const REPEAT_CHANGED: f64 = 0.5;
/// Fewest repeats that can tell anything.
pub const LEAST_REPEATS: u32 = 3;
/// Share of main trials during which the page may lose the focus.
pub const FOCUS_SHARE: f64 = 0.1;
/// Wrong answers to comprehension questions that look like guessing.
pub const MISUNDERSTOOD: u32 = 3;

/// Names of flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FlagName {
    /// A catch trial was failed.
    CatchFailed,
    /// Too many answers came too fast.
    TooFast,
    /// The same button many times in a row.
    StraightLining,
    /// Second answers are far from the first.
    Unreliable,
    /// The page was left during too many trials.
    FocusLost,
    /// The instructions were misunderstood several times.
    Misunderstood,
}

impl FlagName {
    /// What it says, for people.
    pub fn label(self) -> &'static str {
        match self {
            Self::CatchFailed => "failed catch trials",
            Self::TooFast => "share of answers too fast to be meant",
            Self::StraightLining => "same button in a row",
            Self::Unreliable => "second answers far from the first",
            Self::FocusLost => "share of trials with the page left",
            Self::Misunderstood => "wrong answers about the instructions",
        }
    }
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
    /// Repeats answered.
    pub n_repeats: u32,
    /// Repeats with the same answer as the first time.
    pub n_repeats_same: u32,
    /// Mean absolute distance between first and second rating as a share of the scale's width, or of places as a share of
    /// the field's; of other designs the
    /// share of repeats answered differently; `None` without repeats.
    pub repeat_distance: Option<f64>,
    /// Main answers faster than the design's limit.
    pub n_too_fast: u32,
    /// Main answers.
    pub n_main: u32,
    /// Longest run of the same button over main trials.
    pub longest_run: u32,
    /// Median response time of main trials in milliseconds.
    pub median_rt_millis: Option<f64>,
    /// Main trials during which the page lost the focus or was hidden.
    pub n_focus_lost: u32,
    /// Wrong answers about the instructions.
    pub n_misunderstood: u32,
    /// Limits that were passed.
    pub flags: Vec<Flag>,
}

/// Looks at all records of one session.
pub fn of_session(study: &Study, records: &[Judgment]) -> Quality {
    let judgments = effective(records);
    let by_trial: BTreeMap<u32, &Judgment> =
        judgments.iter().map(|judgment| (judgment.trial_index, *judgment)).collect();
    let mut quality = Quality {
        n_catch_passed: 0,
        n_catch: 0,
        n_repeats: 0,
        n_repeats_same: 0,
        repeat_distance: None,
        n_too_fast: 0,
        n_main: 0,
        longest_run: 0,
        median_rt_millis: None,
        n_focus_lost: 0,
        n_misunderstood: 0,
        flags: Vec::new(),
    };
    let (mut run, mut last, mut times, mut distance) = (0, None, Vec::new(), 0.0);
    for judgment in &judgments {
        let Some(answer) = judgment.answer() else { continue };
        match &judgment.trial {
            TrialKind::Comprehension { question } => {
                let right = study.comprehension.get(*question as usize).map(|question| question.right);
                quality.n_misunderstood += u32::from(*answer != Answer::Option { option: right.unwrap_or(u8::MAX) });
            }
            TrialKind::Practice => {}
            TrialKind::Main | TrialKind::HeldOut => {
                times.push(judgment.rt_millis);
                quality.n_main += 1;
                quality.n_too_fast += u32::from(judgment.rt_millis < study.design.too_fast_millis());
                quality.n_focus_lost += u32::from(judgment.focus_losses > 0);
                let button = Some(answer.button(&judgment.stimuli));
                run = if last == button { run + 1 } else { 1 };
                last = button;
                quality.longest_run = quality.longest_run.max(run);
            }
            TrialKind::RepeatOf { trial } => {
                let Some(first) = by_trial.get(trial) else { continue };
                let Some(before) = first.answer() else { continue };
                let same = before.said(&first.stimuli) == answer.said(&judgment.stimuli);
                quality.n_repeats += 1;
                quality.n_repeats_same += u32::from(same);
                distance += match (before, answer, &study.design) {
                    (Answer::Rating { rating: a }, Answer::Rating { rating: b }, Design::PairRating { scale }) => {
                        f64::from(a.abs_diff(*b)) / f64::from((scale.max - scale.min).max(1))
                    }
                    (
                        Answer::Ratings { ratings: a },
                        Answer::Ratings { ratings: b },
                        Design::AnswerRating { scale, .. },
                    ) => {
                        let gaps: f64 = a.iter().zip(b).map(|(a, b)| f64::from(a.abs_diff(*b))).sum();
                        gaps / (a.len().max(1) as f64 * f64::from((scale.max - scale.min).max(1)))
                    }
                    (Answer::Arrangement { points: a }, Answer::Arrangement { points: b }, _) => {
                        moved(&first.stimuli, a, &judgment.stimuli, b)
                    }
                    _ => f64::from(u8::from(!same)),
                };
            }
            TrialKind::Catch { expected, .. } => {
                quality.n_catch += 1;
                quality.n_catch_passed += u32::from(expected.passes(answer, &judgment.stimuli));
            }
        }
    }
    quality.repeat_distance = (quality.n_repeats > 0).then(|| distance / f64::from(quality.n_repeats));
    quality.median_rt_millis = median(&mut times);
    quality.flags = flags(study, &quality);
    quality
}

fn flags(study: &Study, quality: &Quality) -> Vec<Flag> {
    let mut flags = Vec::new();
    let mut flag = |name, score: f64, threshold: f64, past: bool| {
        if past {
            flags.push(Flag { name, score, threshold });
        }
    };
    let share = |n: u32| f64::from(n) / f64::from(quality.n_main.max(1));
    let failed = f64::from(quality.n_catch - quality.n_catch_passed);
    flag(FlagName::CatchFailed, failed, 0.0, failed > 0.0);
    let fast = share(quality.n_too_fast);
    flag(FlagName::TooFast, fast, TOO_FAST_SHARE, fast > TOO_FAST_SHARE);
    let (run, limit) = (f64::from(quality.longest_run), f64::from(STRAIGHT_LINE));
    // The same label many times in a row may simply be right.
    let choice_of_sides = !matches!(
        study.design,
        Design::Label { .. } | Design::FreeLabel { .. } | Design::AnswerRating { .. } | Design::Arrangement { .. }
    );
    flag(FlagName::StraightLining, run, limit, choice_of_sides && run >= limit);
    if let Some(distance) = quality.repeat_distance {
        let by_distance = matches!(
            study.design,
            Design::PairRating { .. } | Design::AnswerRating { .. } | Design::Arrangement { .. }
        );
        let limit = if by_distance { REPEAT_DISTANCE } else { REPEAT_CHANGED };
        flag(FlagName::Unreliable, distance, limit, quality.n_repeats >= LEAST_REPEATS && distance > limit);
    }
    let left = share(quality.n_focus_lost);
    flag(FlagName::FocusLost, left, FOCUS_SHARE, left > FOCUS_SHARE);
    let (wrong, limit) = (f64::from(quality.n_misunderstood), f64::from(MISUNDERSTOOD));
    flag(FlagName::Misunderstood, wrong, limit, quality.n_misunderstood >= MISUNDERSTOOD);
    flags
}

/// Mean distance between where things lay the first and the second time, as a share of the field's width.
fn moved(before: &[String], a: &[(u16, u16)], after: &[String], b: &[(u16, u16)]) -> f64 {
    let mut sum = 0.0;
    for (id, (x, y)) in before.iter().zip(a) {
        if let Some((_, (u, v))) = after.iter().zip(b).find(|(it, _)| *it == id) {
            sum += libm::hypot(f64::from(*x) - f64::from(*u), f64::from(*y) - f64::from(*v));
        }
    }
    sum / (before.len().max(1) as f64 * f64::from(super::arrangement::FIELD))
}

fn median(values: &mut [f64]) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let upper = *values.get(middle)?;
    if values.len() % 2 == 1 { Some(upper) } else { Some(f64::midpoint(*values.get(middle - 1)?, upper)) }
}
