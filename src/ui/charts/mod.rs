//! Figures as SVG. The only place that knows how a [`Figure`] looks.

mod axis;
mod bars;
mod curve;
mod matrix;
mod scatter;

use leptos::prelude::*;

use crate::report::figure::{Estimate, Figure, Marks};

/// A number in few digits.
pub(crate) fn short(value: f64) -> String {
    if !value.is_finite() {
        return "–".to_owned();
    }
    let text = format!("{value:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

/// An estimate with interval and n, in words.
pub(crate) fn estimate_in_words(estimate: &Estimate, percent: bool) -> String {
    let show = |value: f64| if percent { format!("{} %", short(value * 100.0)) } else { short(value) };
    let interval =
        estimate.interval.map_or_else(String::new, |(low, high)| format!(" [{} to {}]", show(low), show(high)));
    format!("{}{interval}, n = {}", show(estimate.value), estimate.n)
}

/// A figure with its title, its sentence, its notes, and the same numbers as a table.
#[component]
pub fn Chart(
    /// What is drawn.
    figure: Figure,
) -> impl IntoView {
    let (columns, rows) = as_table(&figure.marks);
    let notes = (!figure.notes.is_empty()).then(|| {
        view! { <ul class="notes">{figure.notes.iter().map(|note| view! { <li>{note.clone()}</li> }).collect_view()}</ul> }
    });
    let label = format!("{}. {}", figure.title, figure.caption);
    let marks = match figure.marks {
        Marks::Bars { bars, axis } => bars::view(&bars, &axis, label).into_any(),
        Marks::Scatter { points, x, y, diagonal } => scatter::view(&points, &x, &y, diagonal, label).into_any(),
        Marks::Curve { lines, x, y } => curve::view(&lines, &x, &y, label).into_any(),
        Marks::Matrices { matrices, scale } => matrix::view(&matrices, &scale, &label).into_any(),
    };
    view! {
        <figure class="chart" data-testid="figure">
            <h2 class="chart-title">{figure.title.clone()}</h2>
            <figcaption><p>{figure.caption.clone()}</p></figcaption>
            {marks}
            {notes}
            <details>
                <summary>"Show as table"</summary>
                <div class="scroll-x" tabindex="0" role="region" aria-label="Numbers of this figure">
                    <table>
                        <thead><tr>{columns.into_iter().map(|head| view! { <th scope="col">{head}</th> }).collect_view()}</tr></thead>
                        <tbody>
                            {rows.into_iter().map(|row| view! {
                                <tr>{row.into_iter().map(|cell| view! { <td>{cell}</td> }).collect_view()}</tr>
                            }).collect_view()}
                        </tbody>
                    </table>
                </div>
            </details>
        </figure>
    }
}

type TextTable = (Vec<String>, Vec<Vec<String>>);

fn as_table(marks: &Marks) -> TextTable {
    let heads = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
    let interval = |estimate: &Estimate| {
        estimate
            .interval
            .map_or_else(|| ("–".to_owned(), "–".to_owned()), |(low, high)| (format!("{low:.4}"), format!("{high:.4}")))
    };
    match marks {
        Marks::Bars { bars, .. } => (
            heads(&["Category", "Group", "Value", "Low (95 %)", "High (95 %)", "n"]),
            bars.iter()
                .map(|bar| {
                    let (low, high) = interval(&bar.estimate);
                    vec![
                        bar.label.clone(),
                        bar.group.clone(),
                        format!("{:.4}", bar.estimate.value),
                        low,
                        high,
                        bar.estimate.n.to_string(),
                    ]
                })
                .collect(),
        ),
        Marks::Scatter { points, x, y, .. } => (
            vec!["Label".to_owned(), x.label.clone(), y.label.clone()],
            points
                .iter()
                .map(|point| vec![point.label.clone(), format!("{:.4}", point.x), format!("{:.4}", point.y)])
                .collect(),
        ),
        Marks::Curve { lines, x, y } => (
            vec![
                "Line".to_owned(),
                x.label.clone(),
                y.label.clone(),
                "Low (95 %)".to_owned(),
                "High (95 %)".to_owned(),
                "n".to_owned(),
            ],
            lines
                .iter()
                .flat_map(|line| {
                    line.points.iter().map(move |(x, estimate)| {
                        let (low, high) = interval(estimate);
                        vec![
                            line.label.clone(),
                            short(*x),
                            format!("{:.4}", estimate.value),
                            low,
                            high,
                            estimate.n.to_string(),
                        ]
                    })
                })
                .collect(),
        ),
        Marks::Matrices { matrices, .. } => (
            heads(&["Matrix", "Row", "Column", "Value"]),
            matrices
                .iter()
                .flat_map(|matrix| {
                    let n = matrix.labels.len();
                    matrix.values.iter().enumerate().filter(move |(at, _)| n > 0 && at / n < at % n).map(
                        move |(at, value)| {
                            let name = |index: usize| matrix.labels.get(index).cloned().unwrap_or_default();
                            vec![
                                matrix.title.clone(),
                                name(at / n),
                                name(at % n),
                                value.map_or_else(|| "–".to_owned(), |value| format!("{value:.3}")),
                            ]
                        },
                    )
                })
                .collect(),
        ),
    }
}

/// Colored keys of the series of a chart; nothing for a single one.
pub(crate) fn legend(names: &[String]) -> impl IntoView + use<> {
    (names.len() > 1).then(|| {
        let keys = names.iter().enumerate().map(|(index, name)| {
            view! { <li><span class=format!("swatch series-{}", index % 4) aria-hidden="true"></span>{name.clone()}</li> }
        });
        view! { <ul class="chart-legend">{keys.collect_view()}</ul> }
    })
}
