//! How well an adaptive session predicts the answers that it held out: those answers alone, none of which took part in
//! choosing a question or in what predicts them.

use serde::{Deserialize, Serialize};

use super::class_summary::Found;
use super::figure::Estimate;
use crate::stats::committee::Told;
use crate::study::adaptive::{committee, told};
use crate::study::design::Design;
use crate::study::gathering::Gathered;
use crate::study::judgment::main_judgments;
use crate::study::trial::TrialKind;

/// Of an adaptive study.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HeldOutFound {
    /// `share` (of choices predicted) or `error` (of ratings, as a part of the scale's width).
    pub measure: String,
    /// Participants with an answer in both streams.
    pub n_participants: usize,
    /// Held-out answers.
    pub n_held_out: usize,
    /// Answers to chosen questions, from which the others are predicted.
    pub n_learned: usize,
    /// Mean over participants of the share predicted or of the absolute error, with a 95 % bootstrap interval over them.
    pub predicted: Found<Estimate>,
    /// The same of saying nothing: chance, or everybody's own mean rating of chosen pairs.
    pub without: Found<Estimate>,
    /// Mean log2-likelihood of a held-out choice; nothing for ratings.
    pub bits: Found<Estimate>,
    /// That of chance.
    pub chance_bits: Option<f64>,
}

/// Predicts every participant's held-out answers from that participant's answers to chosen questions; `None` for a study
/// that is not adaptive.
pub fn held_out(gathered: &Gathered) -> Option<HeldOutFound> {
    let study = gathered.study();
    study.adaptive?;
    let n_options = match study.design {
        Design::Triplet { .. } => 3.0,
        Design::AnchoredTriplet { .. } => 2.0,
        _ => 1.0,
    };
    let (mut predicted, mut without, mut bits) = (Vec::new(), Vec::new(), Vec::new());
    let (mut n_held_out, mut n_learned) = (0, 0);
    for session in gathered.sessions() {
        let main = main_judgments(study, &session.records);
        let of = |kind: &TrialKind| -> Vec<Told> {
            let said = main.iter().filter(|it| it.trial == *kind);
            said.filter_map(|it| told(study, &it.stimuli, it.answer()?)).collect()
        };
        let (learned, held) = (of(&TrialKind::Main), of(&TrialKind::HeldOut));
        if learned.is_empty() || held.is_empty() {
            continue;
        }
        (n_learned, n_held_out) = (n_learned + learned.len(), n_held_out + held.len());
        let distances: Vec<f64> = learned
            .iter()
            .filter_map(|it| if let Told::Distance { distance, .. } = it { Some(*distance) } else { None })
            .collect();
        let own_mean = distances.iter().sum::<f64>() / distances.len().max(1) as f64;
        let mut members = committee(study, session.record.seed);
        for told in learned {
            members.learn(told);
        }
        let n = held.len() as f64;
        let (mut value, mut plain, mut log) = (0.0, 0.0, 0.0);
        for told in &held {
            match told {
                Told::Closest { pairs, chosen } => {
                    let shares = members.expects(pairs);
                    let best = (0..shares.len()).rev().max_by(|a, b| shares[*a].total_cmp(&shares[*b]));
                    value += f64::from(u8::from(best == Some(*chosen))) / n;
                    log += libm::log2(shares.get(*chosen).copied().unwrap_or(0.0).max(1e-12)) / n;
                }
                Told::Distance { pair, distance } => {
                    value += libm::fabs(members.expects_distance(*pair).clamp(0.0, 1.0) - distance) / n;
                    plain += libm::fabs(own_mean - distance) / n;
                }
            }
        }
        predicted.push(value);
        if n_options > 1.0 {
            bits.push(log);
        } else {
            without.push(plain);
        }
    }
    let mean = |values: &[f64]| Found::mean_over_participants(values, "nobody has answers in both streams");
    let is_choice = n_options > 1.0;
    let n_participants = predicted.len();
    Some(HeldOutFound {
        measure: if is_choice { "share" } else { "error" }.to_owned(),
        n_participants,
        n_held_out,
        n_learned,
        predicted: mean(&predicted),
        without: if is_choice && n_participants > 0 {
            Found::Value(Estimate { value: 1.0 / n_options, interval: None, n: n_participants as u64 })
        } else {
            mean(&without)
        },
        bits: mean(&bits),
        chance_bits: is_choice.then(|| -libm::log2(n_options)),
    })
}

/// The finding in sentences.
pub fn held_out_sentences(found: &HeldOutFound) -> Vec<String> {
    let caution =
        "Questions were chosen by what they were expected to teach, so they are not spread evenly over pairs; \
                   averages over pairs are of the questions that were asked."
            .to_owned();
    let Found::Value(predicted) = &found.predicted else {
        return vec![caution, "No held-out answer can be predicted yet.".to_owned()];
    };
    let range = |it: &Estimate, number: &dyn Fn(f64) -> String| {
        it.interval.map_or_else(
            || "no interval".to_owned(),
            |(low, high)| format!("95 % interval {} to {} over participants", number(low), number(high)),
        )
    };
    let percent = |value: f64| format!("{:.0} %", 100.0 * value);
    let behind = format!(
        "{} answers drawn at random ahead, {} participants, predicted from {} answers to chosen questions",
        found.n_held_out, found.n_participants, found.n_learned
    );
    let without = found.without.value().map_or(f64::NAN, |it| it.value);
    let mut out = vec![caution];
    if found.measure == "share" {
        out.push(format!(
            "Held-out stream: {} of choices are predicted ({}; chance {}): {behind}.",
            percent(predicted.value),
            range(predicted, &percent),
            percent(without)
        ));
        if let (Found::Value(bits), Some(chance)) = (&found.bits, found.chance_bits) {
            out.push(format!(
                "Their log-likelihood is {:.2} bits an answer ({}; chance {chance:.2}).",
                bits.value,
                range(bits, &|value| format!("{value:.2}"))
            ));
        }
    } else {
        out.push(format!(
            "Held-out stream: ratings are predicted with a mean error of {} of the scale ({}; {} by each participant's own \
             mean rating): {behind}.",
            percent(predicted.value),
            range(predicted, &percent),
            percent(without)
        ));
    }
    out
}
