//! What a class said, in sentences, tables and figures: every number with its n and its interval.

use super::class_groups::{group_sentence, prototype_sentence};
use super::class_summary::{ClassSummary, Found, StrengthFound, share};
use super::figure::{Axis, Bar, Cell, Estimate, Figure, Marks, Matrix, Point, SIMULATED_NOTE, Table};
use super::held_out::held_out_sentences;
use crate::stats::bootstrap::RESAMPLES;
use crate::stats::rdm::pair_index;
use crate::study::design::Design;
use crate::study::study::Study;

fn words_of<T>(found: &Found<T>, words: impl Fn(&T) -> String, name: &str) -> String {
    match found {
        Found::Value(value) => words(value),
        Found::Nothing { why } => format!("No {name}: {why}."),
    }
}

fn interval_words(interval: Option<(f64, f64)>) -> String {
    interval.map_or_else(|| ", no interval".to_owned(), |(low, high)| format!(", 95 % interval {low:.2} to {high:.2}"))
}

/// What a projector shows under the figures: every number with its n and its interval.
pub fn sentences(summary: &ClassSummary) -> Vec<String> {
    let mut out = Vec::new();
    out.push(words_of(
        &summary.retest,
        |it| {
            let (low, high) = it.interval.unwrap_or((it.value, it.value));
            format!(
                "{:.0} % of {} repeated questions got the same answer as the first time (95 % interval {:.0} to {:.0} %).",
                100.0 * it.value,
                it.n,
                100.0 * low,
                100.0 * high
            )
        },
        "test-retest agreement",
    ));
    out.push(words_of(
        &summary.alpha,
        |it| {
            format!(
                "Krippendorff's alpha ({}) is {:.2}{}, from {} judgments of {} units.{}",
                it.level,
                it.alpha,
                interval_words(it.interval),
                it.n_ratings,
                it.n_units,
                if it.no_variance { " Everybody said the same, so 1 is a convention." } else { "" }
            )
        },
        "Krippendorff's alpha",
    ));
    out.push(group_sentence(&summary.groups));
    out.extend(prototype_sentence(&summary.groups));
    if let Some(found) = &summary.held_out {
        out.extend(held_out_sentences(found));
    }
    if let Some(found) = &summary.similarity {
        out.push(words_of(
            &found.split_half,
            |it| {
                format!(
                    "Split-half reliability is {:.2} (Spearman-Brown; r = {:.2}, {} random halves{}).",
                    it.spearman_brown,
                    it.r,
                    it.splits,
                    if it.undefined > 0 { format!(", {} more gave none", it.undefined) } else { String::new() }
                )
            },
            "split-half reliability",
        ));
        out.push(words_of(
            &found.ceiling,
            |it| match it.lower {
                Some(lower) => format!(
                    "Noise ceiling: a perfect model could agree with single participants by rho = {lower:.2} to {:.2} ({} \
                     participants, at least {} for each pair).",
                    it.upper, it.n_subjects, it.min_per_pair
                ),
                None => "No noise ceiling: one participant has nobody to agree with.".to_owned(),
            },
            "noise ceiling",
        ));
    }
    if let Some(found) = &summary.preference {
        out.push(words_of(
            &found.left,
            |it| {
                let (low, high) = it.interval.unwrap_or((it.value, it.value));
                format!(
                    "The left answer won {:.0} % of {} decided comparisons (95 % interval {:.0} to {:.0} %; 50 % without a \
                     side effect).",
                    100.0 * it.value,
                    it.n,
                    100.0 * low,
                    100.0 * high
                )
            },
            "share of left answers",
        ));
        out.push(words_of(
            &found.votes_needed,
            |needed| format!("If their share stayed so, {needed} decided votes would tell the two strongest apart (80 % power, 5 %)."),
            "number of votes needed",
        ));
    }
    out
}

/// The participants as a table: id, main answers, catch trials, repeats, median time, flags.
pub fn participant_table(summary: &ClassSummary) -> Table {
    let rows = summary
        .participants
        .iter()
        .map(|it| {
            let quality = &it.quality;
            let flags: Vec<&str> = quality.flags.iter().map(|flag| flag.name.label()).collect();
            vec![
                Cell::Text(it.session_id.chars().take(8).collect()),
                Cell::Text(if it.is_finished { "yes" } else { "no" }.to_owned()),
                Cell::Number(f64::from(quality.n_main)),
                Cell::Text(format!("{} of {}", quality.n_catch_passed, quality.n_catch)),
                Cell::Text(format!("{} of {}", quality.n_repeats_same, quality.n_repeats)),
                quality.median_rt_millis.map_or(Cell::Missing, |millis| Cell::Number((millis / 100.0).round() / 10.0)),
                summary
                    .groups
                    .value()
                    .filter(|it| it.groups > 1)
                    .and_then(|found| found.members.get(&it.session_id))
                    .map_or(Cell::Missing, |group| Cell::Number((group + 1) as f64)),
                summary.groups.value().filter(|it| it.between().is_some()).map_or(Cell::Missing, |found| {
                    let weights = found.placement.get(&it.session_id).into_iter().flatten();
                    Cell::Text(weights.map(|it| format!("{it:.2}")).collect::<Vec<_>>().join(" / "))
                }),
                Cell::Text(if flags.is_empty() { "none".to_owned() } else { flags.join("; ") }),
            ]
        })
        .collect();
    Table {
        columns: [
            "Session",
            "Finished",
            "Main answers",
            "Checks passed",
            "Repeats the same",
            "Median seconds",
            "Group",
            "Share of each prototype",
            "Flags",
        ]
        .map(str::to_owned)
        .to_vec(),
        rows,
    }
}

/// The figures of a class. `who` is whose answers they are.
pub fn figures(study: &Study, summary: &ClassSummary) -> Vec<Figure> {
    let who = if summary.simulated { "simulated participants" } else { "participants" };
    let mut notes = vec![format!(
        "{} {who}, {} of them finished; {} answers; {} flagged, none left out.",
        summary.n_participants, summary.n_finished, summary.n_main, summary.n_flagged
    )];
    if summary.simulated {
        notes.insert(0, SIMULATED_NOTE.to_owned());
    }
    let sources: Vec<String> = summary.participants.iter().map(|it| it.session_id.clone()).collect();
    let figure = |title: &str, caption: String, marks: Marks| Figure {
        title: format!("{}: {title}", study.title),
        caption,
        marks,
        notes: notes.clone(),
        sources: sources.clone(),
    };
    let mut out = Vec::new();
    if let Some(found) = &summary.similarity {
        let n = found.labels.len();
        let mut values = vec![None; n * n];
        for i in 0..n {
            for j in i + 1..n {
                let value = found.rdm[pair_index(i, j, n)];
                values[i * n + j] = value;
                values[j * n + i] = value;
            }
        }
        let missing = found.rdm.iter().filter(|value| value.is_none()).count();
        let caption = format!(
            "Mean dissimilarity over {who}; a stronger color is less alike.{}",
            if missing > 0 { format!(" {missing} pairs were judged by nobody.") } else { String::new() }
        );
        out.push(figure(
            "who sees what as alike",
            caption,
            Marks::Matrices {
                matrices: vec![Matrix {
                    title: format!("{} {who}", summary.n_participants),
                    labels: found.labels.clone(),
                    values,
                }],
                scale: Axis { label: "dissimilarity".to_owned(), range: (0.0, 1.0), percent: false },
            },
        ));
        if let Found::Value(map) = &found.map {
            out.push(figure(
                "map",
                format!(
                    "What was judged alike lies close together (multidimensional scaling, stress {:.2}; 0 is perfect, 0.2 \
                     poor). Directions mean nothing.",
                    map.stress
                ),
                Marks::Map {
                    points: found
                        .labels
                        .iter()
                        .zip(&map.points)
                        .map(|(label, (x, y))| Point { x: *x, y: *y, label: label.clone(), picture: None })
                        .collect(),
                },
            ));
        }
    }
    if let Some(found) = &summary.preference {
        let n = found.contestants.len();
        let values = (0..n * n)
            .map(|cell| {
                let (won, lost) = (found.wins[cell], found.wins[cell % n * n + cell / n]);
                (cell / n != cell % n && won + lost > 0).then(|| won as f64 / (won + lost) as f64)
            })
            .collect();
        out.push(figure(
            "who beats whom",
            format!(
                "Share of decided comparisons that the row won against the column; {} ties and {} comparisons with two bad \
                 answers are in none of them.",
                found.ties.iter().sum::<u64>() / 2,
                found.n_both_bad
            ),
            Marks::Matrices {
                matrices: vec![Matrix { title: "Wins".to_owned(), labels: found.contestants.clone(), values }],
                scale: Axis { label: "share won".to_owned(), range: (0.0, 1.0), percent: true },
            },
        ));
        if let Found::Value(all) = &found.strengths {
            // Against a contestant of average strength.
            let chance = |theta: f64| 1.0 / (1.0 + libm::exp(-theta));
            let votes: u64 = found.wins.iter().sum::<u64>() + found.ties.iter().sum::<u64>() / 2;
            let mut order: Vec<&StrengthFound> = all.iter().collect();
            order.sort_by(|a, b| b.strength.total_cmp(&a.strength));
            let bars = order
                .into_iter()
                .map(|it| Bar {
                    label: it.name.clone(),
                    group: String::new(),
                    estimate: Estimate {
                        value: chance(it.strength),
                        interval: it.interval.map(|(low, high)| (chance(low), chance(high))),
                        n: votes,
                    },
                })
                .collect();
            out.push(figure(
                "strength",
                format!(
                    "Chance of winning against an average contestant (Bradley-Terry, ties as half wins; 95 % bootstrap over \
                     participants{}).",
                    if found.n_disconnected > 0 {
                        format!(", {} of {RESAMPLES} resamples left out because they connect nothing", found.n_disconnected)
                    } else {
                        String::new()
                    }
                ),
                Marks::Bars {
                    bars,
                    axis: Axis { label: "Chance of winning".to_owned(), range: (0.0, 1.0), percent: true },
                },
            ));
        }
    }
    if let Some(found) = &summary.label {
        let n: u64 = found.counts.iter().sum();
        let names = ["right", "wrong", "could not tell, rightly", "could not tell, wrongly"];
        let bars = names
            .iter()
            .zip(found.counts)
            .filter_map(|(name, k)| {
                let Found::Value(estimate) = share(k, n) else { return None };
                Some(Bar { label: (*name).to_owned(), group: String::new(), estimate })
            })
            .collect();
        out.push(figure(
            "what was named",
            format!("{n} answers about things with a known name."),
            Marks::Bars { bars, axis: Axis { label: "Share of answers".to_owned(), range: (0.0, 1.0), percent: true } },
        ));
    }
    if let (Some(found), Design::AnswerRating { scale, .. }) = (&summary.ratings, &study.design) {
        let bars = found
            .iter()
            .map(|it| Bar { label: it.axis.clone(), group: it.source.clone(), estimate: it.mean })
            .collect();
        out.push(figure(
            "ratings",
            format!("Mean rating of each source, {} to {}; 95 % bootstrap over participants.", scale.min, scale.max),
            Marks::Bars {
                bars,
                axis: Axis {
                    label: format!("1 {} to {} {}", scale.low_label, scale.max, scale.high_label),
                    range: (0.0, f64::from(scale.max)),
                    percent: false,
                },
            },
        ));
    }
    if let Some(found) = &summary.names {
        let bars = found
            .iter()
            .filter_map(|it| {
                let name = it.name.as_deref().unwrap_or("no name");
                Some(Bar {
                    label: format!("{}: {name}", it.stimulus),
                    group: String::new(),
                    estimate: *it.share.value()?,
                })
            })
            .collect();
        out.push(figure(
            "names",
            "The most frequent name of each, and the share of participants who gave it; who could not tell counts."
                .to_owned(),
            Marks::Bars {
                bars,
                axis: Axis { label: "Share of participants".to_owned(), range: (0.0, 1.0), percent: true },
            },
        ));
    }
    out
}
