//! Axes: ticks at round numbers and the lines and labels that show them.

use leptos::prelude::*;

use super::short;
use crate::report::figure::Axis;

/// Size and margins of a chart in SVG units.
pub(super) struct Frame {
    pub width: f64,
    pub height: f64,
    pub left: f64,
    pub top: f64,
    pub right: f64,
    pub bottom: f64,
}

/// Place of a value between two ends, both in SVG units; values outside the range end at its edge.
pub(super) fn place(axis: &Axis, value: f64, from: f64, to: f64) -> f64 {
    let (low, high) = axis.range;
    let span = if high > low { high - low } else { 1.0 };
    from + ((value - low) / span).clamp(0.0, 1.0) * (to - from)
}

/// Four to seven round values inside the range.
pub(super) fn ticks(axis: &Axis) -> Vec<f64> {
    let (low, high) = axis.range;
    let span = high - low;
    if !span.is_finite() || span <= 0.0 {
        return vec![low];
    }
    let unit = libm::pow(10.0, libm::floor(libm::log10(span / 4.0)));
    let step = [1.0, 2.0, 2.5, 5.0, 10.0].into_iter().map(|m| m * unit).find(|step| span / step <= 6.0).unwrap_or(span);
    let first = libm::ceil(low / step - 1e-9);
    (0..=8).map(|k| (first + f64::from(k)) * step).take_while(|tick| *tick <= high + step * 1e-6).collect()
}

/// A tick's label.
pub(super) fn tick_label(axis: &Axis, value: f64) -> String {
    if axis.percent { format!("{} %", short(value * 100.0)) } else { short(value) }
}

/// The horizontal axis with vertical grid lines.
pub(super) fn bottom(axis: &Axis, frame: &Frame) -> impl IntoView + use<> {
    let (x0, x1) = (frame.left, frame.width - frame.right);
    let (y0, y1) = (frame.top, frame.height - frame.bottom);
    let marks = ticks(axis)
        .into_iter()
        .map(|tick| {
            let x = place(axis, tick, x0, x1);
            view! {
                <line class="grid" x1=x x2=x y1=y0 y2=y1 />
                <text class="tick" x=x y=y1 + 16.0 text-anchor="middle">{tick_label(axis, tick)}</text>
            }
        })
        .collect_view();
    view! {
        {marks}
        <line class="axis" x1=x0 x2=x1 y1=y1 y2=y1 />
        <text class="tick" x=f64::midpoint(x0, x1) y=y1 + 34.0 text-anchor="middle">{axis.label.clone()}</text>
    }
}

/// The vertical axis with horizontal grid lines.
pub(super) fn left(axis: &Axis, frame: &Frame) -> impl IntoView + use<> {
    let (x0, x1) = (frame.left, frame.width - frame.right);
    let (y0, y1) = (frame.top, frame.height - frame.bottom);
    let marks = ticks(axis)
        .into_iter()
        .map(|tick| {
            let y = place(axis, tick, y1, y0);
            view! {
                <line class="grid" x1=x0 x2=x1 y1=y y2=y />
                <text class="tick" x=x0 - 6.0 y=y + 4.0 text-anchor="end">{tick_label(axis, tick)}</text>
            }
        })
        .collect_view();
    view! {
        {marks}
        <text class="tick" x=x0 y=y0 - 8.0 text-anchor="start">{axis.label.clone()}</text>
    }
}
