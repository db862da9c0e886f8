//! Heat maps side by side on one color scale.

use leptos::prelude::*;

use super::short;
use crate::report::figure::{Axis, Matrix};

const CELL: f64 = 24.0;

/// How much of the high color covers the low one. An attribute, because the site's policy forbids inline styles.
fn share(axis: &Axis, value: f64) -> String {
    format!("{:.3}", super::axis::place(axis, value, 0.0, 1.0))
}

pub(super) fn view(matrices: &[Matrix], scale: &Axis, label: &str) -> impl IntoView + use<> {
    let maps = matrices.iter().map(|matrix| one(matrix, scale, label)).collect_view();
    // Many names need the whole width to be read.
    let wide = matrices.iter().any(|matrix| matrix.labels.len() > 14);
    view! {
        <div class="matrices" class:wide=wide>{maps}</div>
        <div class="heat-scale">
            <span>{short(scale.range.0)}</span>
            <span class="ramp" aria-hidden="true"></span>
            <span>{short(scale.range.1)}</span>
            <span>{scale.label.clone()}</span>
        </div>
    }
}

fn one(matrix: &Matrix, scale: &Axis, label: &str) -> impl IntoView + use<> {
    let n = matrix.labels.len();
    let longest = matrix.labels.iter().map(|name| name.chars().count()).max().unwrap_or(0) as f64;
    let margin = 12.0 + longest * 7.5;
    let side = margin + n as f64 * CELL;
    let name = |index: usize| matrix.labels.get(index).cloned().unwrap_or_default();
    let names = (0..n)
        .map(|index| {
            let at = margin + (index as f64 + 0.5) * CELL;
            view! {
                <text x=margin - 6.0 y=at + 4.0 text-anchor="end">{name(index)}</text>
                <text transform=format!("translate({at} {}) rotate(-90)", margin - 6.0) dy="4">{name(index)}</text>
            }
        })
        .collect_view();
    let cells = (0..n * n)
        .map(|at| {
            let (row, column) = (at / n, at % n);
            let (x, y) = (margin + column as f64 * CELL, margin + row as f64 * CELL);
            let value = matrix.values.get(at).copied().flatten();
            let words = value.map_or_else(|| "not measured".to_owned(), short);
            view! {
                <rect class=if value.is_some() { "heat" } else { "missing" } fill-opacity=value.map(|value| share(scale, value)) x=x y=y width=CELL height=CELL>
                    <title>{format!("{} – {}: {words}", name(row), name(column))}</title>
                </rect>
            }
        })
        .collect_view();
    view! {
        // On a phone it keeps its size and scrolls.
        <div class="matrix-wrap" tabindex=super::is_narrow().then_some("0") role="group" aria-label=matrix.title.clone()>
            <h3>{matrix.title.clone()}</h3>
            <svg width=side viewBox=format!("0 0 {side} {side}") role="img" aria-label=format!("{}: {label}", matrix.title)>
                {names}
                <rect class="heat-base" x=margin y=margin width=n as f64 * CELL height=n as f64 * CELL />
                {cells}
            </svg>
        </div>
    }
}
