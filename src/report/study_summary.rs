//! What a study's judgments say by themselves, without a model: one figure for each design.

use std::collections::BTreeMap;

use super::figure::{Axis, Bar, Estimate, Figure, Marks, Matrix, SIMULATED_NOTE};
use super::similarity::{SimilarityError, are_simulated, scale_of};
use crate::eval::metrics::LEVEL;
use crate::stats::proportion::wilson;
use crate::study::design::{Design, Label};
use crate::study::judgment::{Judgment, Labeller, main_judgments, similarity_matrix};
use crate::study::preference::contestant;
use crate::study::quality::Quality;
use crate::study::study::{Gold, Scale, Study};
use crate::study::trial::{Answer, Preferred};

/// Two-sided 5 % and 80 % power as quantiles of the normal distribution.
const Z_LEVEL: f64 = 1.959_963_984_540_054;
const Z_POWER: f64 = 0.841_621_233_572_914_3;

/// How often each verdict was given between contestants.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Wins {
    /// Won and lost comparisons of each contestant.
    pub of: BTreeMap<String, (u64, u64)>,
    /// Comparisons called a tie.
    pub n_ties: u64,
    /// Comparisons in which neither was any good.
    pub n_both_bad: u64,
}

/// The contestants of a comparison, left and right.
pub fn contestants<'a>(study: &'a Study, judgment: &Judgment) -> Option<(&'a str, &'a str)> {
    let [left, right] = judgment.stimuli.as_slice() else { return None };
    Some((contestant(study.stimulus(left)?), contestant(study.stimulus(right)?)))
}

/// Counts the verdicts of the main trials.
pub fn wins(study: &Study, judgments: &[Judgment]) -> Wins {
    let mut wins = Wins::default();
    for judgment in main_judgments(study, judgments) {
        let Some(Answer::Preference { preferred }) = judgment.answer() else { continue };
        let Some((left, right)) = contestants(study, judgment) else { continue };
        for name in [left, right] {
            wins.of.entry(name.to_owned()).or_default();
        }
        let (winner, loser) = match preferred {
            Preferred::Left => (left, right),
            Preferred::Right => (right, left),
            Preferred::Tie => {
                wins.n_ties += 1;
                continue;
            }
            Preferred::BothBad => {
                wins.n_both_bad += 1;
                continue;
            }
        };
        wins.of.entry(winner.to_owned()).or_default().0 += 1;
        wins.of.entry(loser.to_owned()).or_default().1 += 1;
    }
    wins
}

/// Decisive votes that tell a share `p` from one half with 80 % power at 5 % two-sided (normal approximation for one
/// proportion, Fleiss, Levin and Paik 2003, ch. 2); `None` at one half, where no number is enough.
pub fn votes_needed(p: f64) -> Option<u64> {
    let gap = libm::fabs(p - 0.5);
    if !(gap > 1e-9 && gap <= 0.5) {
        return None;
    }
    let root = Z_LEVEL * 0.5 + Z_POWER * libm::sqrt(p * (1.0 - p));
    Some(libm::ceil(root * root / (gap * gap)) as u64)
}

/// Labels against gold: right, wrong, could not tell rightly, could not tell wrongly.
pub fn label_counts(study: &Study, judgments: &[Judgment]) -> [u64; 4] {
    let mut counts = [0; 4];
    for judgment in main_judgments(study, judgments) {
        let Some(Answer::Label { label, .. }) = judgment.answer() else { continue };
        let gold = judgment.stimuli.first().and_then(|id| study.stimulus(id)).and_then(|it| it.gold.as_ref());
        let place = match (label, gold) {
            (_, None) => continue,
            (Some(label), Some(Gold::Label(gold))) => usize::from(label != gold),
            (Some(_), Some(Gold::Abstain)) => 1,
            (None, Some(Gold::Abstain)) => 2,
            (None, Some(Gold::Label(_))) => 3,
        };
        counts[place] += 1;
    }
    counts
}

fn share_bar(label: &str, k: u64, n: u64) -> Bar {
    let value = if n == 0 { 0.0 } else { k as f64 / n as f64 };
    let estimate = Estimate { value, interval: wilson(k, n, LEVEL).ok(), n };
    Bar { label: label.to_owned(), group: String::new(), estimate }
}

fn counted(n: usize, one: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{n} {one}s") }
}

/// The figure of a study's judgments. `who` is whose they are ("You", "People"); simulated ones say so whatever it is.
///
/// # Errors
/// [`SimilarityError::Mixed`] for judgments of people and of programs together.
pub fn study_figure(study: &Study, judgments: &[Judgment], who: &str) -> Result<Figure, SimilarityError> {
    let simulated = are_simulated(judgments)?;
    let by_model = !judgments.is_empty() && judgments.iter().all(|it| it.labeller == Labeller::Model);
    let who = if simulated && !by_model { "Simulated raters" } else { who };
    let mut figure = match &study.design {
        Design::PairRating { .. }
        | Design::Triplet { .. }
        | Design::AnchoredTriplet { .. }
        | Design::Arrangement { .. } => similarity_figure(study, judgments, who),
        Design::AnswerRating { axes, scale, .. } => rating_figure(study, judgments, who, axes, scale),
        Design::FreeLabel { .. } => name_figure(study, judgments, who),
        Design::Preference { .. } => preference_figure(study, judgments, who),
        Design::Label { .. } => label_figure(study, judgments, who),
    };
    if by_model {
        figure.notes.insert(0, "A model's answers; no person gave them.".to_owned());
    } else if simulated {
        figure.notes.insert(0, SIMULATED_NOTE.to_owned());
    }
    let mut sessions: Vec<&str> = judgments.iter().map(|it| it.session_id.as_str()).collect();
    sessions.sort_unstable();
    sessions.dedup();
    figure.sources = sessions.into_iter().map(str::to_owned).collect();
    Ok(figure)
}

fn similarity_figure(study: &Study, judgments: &[Judgment], who: &str) -> Figure {
    let (labels, values) = similarity_matrix(study, judgments);
    let n = main_judgments(study, judgments).len();
    let (caption, label) = match study.design {
        Design::Triplet { .. } => (
            format!("How often two things stayed together when one of three was left out: {}.", counted(n, "choice")),
            "share of choices in which both stayed",
        ),
        Design::AnchoredTriplet { .. } => (
            format!("How often one was closer to another than a third was: {}.", counted(n, "choice")),
            "share of choices in which it was closer",
        ),
        Design::Arrangement { .. } => (
            format!("How close things were put together: {}.", counted(n, "arrangement")),
            "1 minus the distance, the largest distance being 1",
        ),
        _ => (format!("{}; a stronger color is more similar.", counted(n, "rated pair")), "rated similarity"),
    };
    let missing = values.iter().filter(|value| value.is_none()).count().saturating_sub(labels.len()) / 2;
    let mut notes = Vec::new();
    if missing > 0 {
        notes.push(format!("{} not judged; those cells are empty.", counted(missing, "pair")));
    }
    if matches!(study.design, Design::AnchoredTriplet { .. }) {
        notes.push("By chance each of two is closer in one choice of two.".to_owned());
    }
    if matches!(study.design, Design::Triplet { .. }) {
        notes.push("By chance a pair stays together in one choice of three.".to_owned());
    }
    Figure {
        title: study.title.clone(),
        caption,
        marks: Marks::Matrices {
            matrices: vec![Matrix { title: who.to_owned(), labels, values }],
            scale: Axis { label: label.to_owned(), range: scale_of(study), percent: false },
        },
        notes,
        sources: Vec::new(),
    }
}

fn preference_figure(study: &Study, judgments: &[Judgment], who: &str) -> Figure {
    let wins = wins(study, judgments);
    let bars: Vec<Bar> = wins.of.iter().map(|(name, (won, lost))| share_bar(name, *won, won + lost)).collect();
    let decisive: u64 = wins.of.values().map(|(won, _)| won).sum();
    let caption = match wins.of.iter().max_by_key(|(_, (won, _))| *won) {
        Some((best, (won, lost))) if decisive > 0 => {
            format!("{who} preferred {best} in {won} of {} decided comparisons with it.", won + lost)
        }
        _ => "No comparison was decided.".to_owned(),
    };
    let mut notes = vec![
        format!(
            "{}, {} in which both were bad; neither counts for or against anybody.",
            counted(wins.n_ties as usize, "tie"),
            counted(wins.n_both_bad as usize, "comparison")
        ),
        "Bars are shares of decided comparisons with 95 % Wilson intervals.".to_owned(),
    ];
    if let [(won, lost), _] = wins.of.values().copied().collect::<Vec<_>>().as_slice()
        && won + lost > 0
    {
        let p = *won as f64 / (won + lost) as f64;
        notes.push(match votes_needed(p) {
            Some(needed) if needed > won + lost => format!(
                "If this share were the true one, about {} more decided votes would tell the two apart (80 % power, 5 %).",
                needed - (won + lost)
            ),
            Some(_) => "That many votes are enough to tell a difference of this size.".to_owned(),
            None => "The two are even so far; no number of votes tells them apart if they stay so.".to_owned(),
        });
    }
    Figure {
        title: study.title.clone(),
        caption,
        marks: Marks::Bars {
            bars,
            axis: Axis { label: "Share of decided comparisons won".to_owned(), range: (0.0, 1.0), percent: true },
        },
        notes,
        sources: Vec::new(),
    }
}

/// Mean rating by source and axis; of one session, so without an interval.
fn rating_figure(study: &Study, judgments: &[Judgment], who: &str, axes: &[Label], scale: &Scale) -> Figure {
    let mut given: BTreeMap<(usize, String), (f64, u64)> = BTreeMap::new();
    for judgment in main_judgments(study, judgments) {
        let Some(Answer::Ratings { ratings }) = judgment.answer() else { continue };
        let Some(stimulus) = judgment.stimuli.first().and_then(|id| study.stimulus(id)) else { continue };
        for (axis, rating) in ratings.iter().enumerate() {
            let sum = given.entry((axis, contestant(stimulus).to_owned())).or_default();
            *sum = (sum.0 + f64::from(*rating), sum.1 + 1);
        }
    }
    let bars = given
        .into_iter()
        .map(|((axis, source), (sum, n))| Bar {
            label: axes.get(axis).map(|it| it.text.clone()).unwrap_or_default(),
            group: source,
            estimate: Estimate { value: sum / n as f64, interval: None, n },
        })
        .collect();
    Figure {
        title: study.title.clone(),
        caption: format!("{who}: mean ratings of each source, {} to {}.", scale.min, scale.max),
        marks: Marks::Bars {
            bars,
            axis: Axis {
                label: format!("{} is {}, {} is {}", scale.min, scale.low_label, scale.max, scale.high_label),
                range: (0.0, f64::from(scale.max)),
                percent: false,
            },
        },
        notes: vec![
            "n counts ratings. One participant's ratings say nothing about other people, so there is no interval."
                .to_owned(),
        ],
        sources: Vec::new(),
    }
}

/// Names of one session: how many were given.
fn name_figure(study: &Study, judgments: &[Judgment], who: &str) -> Figure {
    let main = main_judgments(study, judgments);
    let n = main.len() as u64;
    let told = main.iter().filter(|it| matches!(it.answer(), Some(Answer::FreeLabel { text: Some(_) }))).count() as u64;
    Figure {
        title: study.title.clone(),
        caption: format!("{who}: {told} of {n} were named."),
        marks: Marks::Bars {
            bars: vec![share_bar("named", told, n), share_bar("could not tell", n - told, n)],
            axis: Axis { label: "Share of items".to_owned(), range: (0.0, 1.0), percent: true },
        },
        notes: vec!["Which names people share shows only when several people's answers are put together.".to_owned()],
        sources: Vec::new(),
    }
}

fn label_figure(study: &Study, judgments: &[Judgment], who: &str) -> Figure {
    let counts = label_counts(study, judgments);
    let [right, wrong, _, _] = counts;
    let n: u64 = counts.iter().sum();
    let names = ["right", "wrong", "could not tell, rightly", "could not tell, wrongly"];
    let bars = names.iter().zip(counts).map(|(name, k)| share_bar(name, k, n)).collect();
    let answered = right + wrong;
    let caption = format!("{who}: {answered} of {n} were named, {right} of them rightly.");
    Figure {
        title: study.title.clone(),
        caption,
        marks: Marks::Bars {
            bars,
            axis: Axis { label: "Share of items".to_owned(), range: (0.0, 1.0), percent: true },
        },
        notes: vec!["Bars are shares of all items with a known label, with 95 % Wilson intervals.".to_owned()],
        sources: Vec::new(),
    }
}

/// How steady and careful a session was, in sentences.
pub fn quality_sentences(quality: &Quality) -> Vec<String> {
    let mut sentences = Vec::new();
    if quality.n_repeats > 0 {
        sentences.push(format!(
            "{} of {} repeated questions got the same answer as the first time.",
            quality.n_repeats_same, quality.n_repeats
        ));
    }
    if quality.n_catch > 0 {
        sentences.push(format!("{} of {} attention checks were passed.", quality.n_catch_passed, quality.n_catch));
    }
    if let Some(median) = quality.median_rt_millis {
        sentences.push(format!("Half of the answers took less than {:.1} seconds.", median / 1000.0));
    }
    for flag in &quality.flags {
        sentences.push(format!("Flag: {} ({:.2}, limit {:.2}).", flag.name.label(), flag.score, flag.threshold));
    }
    sentences
}
