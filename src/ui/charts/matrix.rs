//! Heat maps side by side on one color scale.

use leptos::prelude::*;

use super::short;
use crate::report::figure::{Axis, Matrix};

const CELL: f64 = 24.0;

fn color(axis: &Axis, value: f64) -> String {
    let share = super::axis::place(axis, value, 0.0, 100.0);
    format!("fill: color-mix(in oklab, var(--heat-high) {share:.1}%, var(--heat-low))")
}

pub(super) fn view(matrices: &[Matrix], scale: &Axis, label: &str) -> impl IntoView + use<> {
    let maps = matrices.iter().map(|matrix| one(matrix, scale, label)).collect_view();
    view! {
        <div class="matrices">{maps}</div>
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
                <rect class:missing=value.is_none() style=value.map(|value| color(scale, value)) x=x + 0.5 y=y + 0.5 width=CELL - 1.0 height=CELL - 1.0>
                    <title>{format!("{} – {}: {words}", name(row), name(column))}</title>
                </rect>
            }
        })
        .collect_view();
    view! {
        <div class="matrix-wrap">
            <h3>{matrix.title.clone()}</h3>
            <svg viewBox=format!("0 0 {side} {side}") role="img" aria-label=format!("{}: {label}", matrix.title)>
                {names}
                {cells}
            </svg>
        </div>
    }
}
