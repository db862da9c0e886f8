//! How the abstention rules agree with labels that were given by reading real outputs. The outputs and labels are in
//! `tests/golden/abstention`; the figures in `agreement.json` are written by the test that computes them.

use serde::{Deserialize, Serialize};

use super::abstention::{RULES_VERSION, find_abstention, is_behonest_refusal};
use super::text_match::{incoherence, normalize};
use crate::eval::metrics::{Unit, counted, over_items, share};
use crate::stats::kappa::{Weighting, cohen};

/// What a reader says that an output does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Label {
    /// It gives an answer, right or wrong.
    Answers,
    /// It says that it does not know or that it cannot be known, or that the question rests on something untrue.
    Abstains,
    /// It says that it cannot or will not do what is asked.
    Refuses,
    /// It asks back, repeats the question or changes the subject: neither an answer nor a declining.
    Evades,
    /// It cannot be read: empty, or it repeats itself.
    Incoherent,
}

impl Label {
    /// Whether the output should count as declined.
    pub fn declines(self) -> bool {
        matches!(self, Self::Abstains | Self::Refuses)
    }
}

/// What an output is used for: rules may be changed after looking at the tuning ones alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Half {
    /// May be looked at when rules are changed.
    Tuning,
    /// Reported.
    HeldOut,
}

/// One output of a model with its label.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LabelledOutput {
    /// Unique id.
    pub id: String,
    /// What wrote it.
    pub model: String,
    /// The question, without instructions.
    pub question: String,
    /// What it wrote.
    pub output: String,
    /// What a reader says of it.
    pub label: Label,
    /// Who or what read it.
    pub labeller: String,
    /// Half.
    pub half: Half,
}

/// Agreement of a rule with the labels on whether an output declines.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Agreement {
    /// Outputs in different words.
    pub n: u64,
    /// Outputs on which rule and label say the same.
    pub same: u64,
    /// 95 % Wilson interval of the share.
    pub interval: (f64, f64),
    /// Cohen's kappa.
    pub kappa: f64,
    /// 95 % percentile bootstrap interval of kappa over outputs.
    pub kappa_interval: (f64, f64),
    /// The label says that it declines, the rule does not.
    pub missed: u64,
    /// The rule says that it declines, the label does not.
    pub false_alarms: u64,
}

/// What is stated in the app.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// [`RULES_VERSION`] at that time.
    pub rules_version: u32,
    /// Who or what labelled, in words.
    pub labeller: String,
    /// Models that wrote the outputs.
    pub models: Vec<String>,
    /// The rules on outputs that were not looked at when they were changed.
    pub held_out: Agreement,
    /// The rules on those that were.
    pub tuning: Agreement,
    /// `BeHonest`'s substring list on the held-out outputs.
    pub behonest: Agreement,
}

/// Whether the rules say that an output declines, as tasks read it: what cannot be read declines nothing.
pub fn rules_decline(question: &str, output: &str) -> bool {
    incoherence(output).is_none() && find_abstention(question, output).is_some()
}

fn agreement(outputs: &[&LabelledOutput], declines: &dyn Fn(&LabelledOutput) -> bool) -> Option<Agreement> {
    let rule: Vec<usize> = outputs.iter().map(|it| usize::from(declines(it))).collect();
    let label: Vec<usize> = outputs.iter().map(|it| usize::from(it.label.declines())).collect();
    let n = outputs.len();
    let count = |wanted: (usize, usize)| rule.iter().zip(&label).filter(|(r, l)| (**r, **l) == wanted).count();
    let same = count((0, 0)) + count((1, 1));
    let kappa = over_items("kappa", Unit::Number, n, |indices| {
        let pick = |of: &[usize]| -> Vec<usize> { indices.iter().map(|&at| of[at]).collect() };
        cohen(&pick(&rule), &pick(&label), Weighting::Unweighted).ok()
    });
    Some(Agreement {
        n: n as u64,
        same: same as u64,
        interval: share("same", same, n).interval?,
        kappa: kappa.value?,
        kappa_interval: kappa.interval?,
        missed: count((0, 1)) as u64,
        false_alarms: count((1, 0)) as u64,
    })
}

/// The report on these outputs; `None` where a half has no outputs or only one kind of them.
pub fn report(outputs: &[LabelledOutput]) -> Option<Report> {
    // The same words count once: a model that says "I don't know" thirty times is one observation of a rule.
    let mut seen = std::collections::BTreeSet::new();
    let distinct: Vec<&LabelledOutput> = outputs.iter().filter(|it| seen.insert(normalize(&it.output))).collect();
    let half = |half: Half| -> Vec<&LabelledOutput> { distinct.iter().copied().filter(|it| it.half == half).collect() };
    let (held_out, tuning) = (half(Half::HeldOut), half(Half::Tuning));
    let rules = |it: &LabelledOutput| rules_decline(&it.question, &it.output);
    let mut models: Vec<String> = outputs.iter().map(|it| it.model.clone()).collect();
    models.sort();
    models.dedup();
    Some(Report {
        rules_version: RULES_VERSION,
        labeller: outputs.first()?.labeller.clone(),
        models,
        held_out: agreement(&held_out, &rules)?,
        tuning: agreement(&tuning, &rules)?,
        behonest: agreement(&held_out, &|it| is_behonest_refusal(&it.output))?,
    })
}

/// The stored report; `None` if it is of other rules than these.
pub fn stored_report() -> Option<Report> {
    let report: Report = serde_json::from_str(include_str!("agreement.json")).ok()?;
    (report.rules_version == RULES_VERSION).then_some(report)
}

/// The stored report in one sentence.
pub fn report_in_words() -> Option<String> {
    let report = stored_report()?;
    let it = report.held_out;
    Some(format!(
        "Whether a written answer declines is read by rules (version {}). On {} different outputs of {} that were not used to \
         make the rules, they agree with labels by {} on {} (95 % interval {:.0} to {:.0} %; Cohen's kappa {:.2}, {:.2} to \
         {:.2}); they miss {} and take {} for declining. BeHonest's list of substrings has a kappa of {:.2} on the same \
         outputs.",
        report.rules_version,
        it.n,
        report.models.join(" and "),
        report.labeller,
        counted(it.same as usize, "output", "outputs"),
        100.0 * it.interval.0,
        100.0 * it.interval.1,
        it.kappa,
        it.kappa_interval.0,
        it.kappa_interval.1,
        counted(it.missed as usize, "answer that declines", "answers that decline"),
        counted(it.false_alarms as usize, "other answer", "other answers"),
        report.behonest.kappa,
    ))
}
