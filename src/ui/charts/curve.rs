//! Lines with bands.

use std::fmt::Write as _;

use leptos::prelude::*;

use super::axis::{self, Frame, place};
use super::{SERIES, estimate_in_words, legend, short};
use crate::report::figure::{Axis, Band, Line};

/// Most lines with bands; more have a whisker at each point.
const MOST_BANDS: usize = 2;
/// Units between the whiskers of two lines.
const ASIDE: f64 = 5.0;

pub(super) fn view(lines: &[Line], x: &Axis, y: &Axis, band: Option<&Band>, label: String) -> impl IntoView + use<> {
    let frame = Frame { width: super::width(), height: 380.0, left: 56.0, top: 28.0, right: 16.0, bottom: 46.0 };
    let (x0, x1) = (frame.left, frame.width - frame.right);
    let (y0, y1) = (frame.top, frame.height - frame.bottom);
    let path = |points: &[(f64, f64)]| {
        let mut text = String::new();
        for (index, &(px, py)) in points.iter().enumerate() {
            let letter = if index == 0 { 'M' } else { 'L' };
            // Writing into a String cannot fail.
            let _ = write!(text, "{letter}{:.2} {:.2}", place(x, px, x0, x1), place(y, py, y1, y0));
        }
        text
    };
    // Bands of many lines cover each other.
    let crowded =
        lines.iter().filter(|line| line.points.iter().any(|(_, it)| it.interval.is_some())).count() > MOST_BANDS;
    let marks = lines
        .iter()
        .enumerate()
        .map(|(index, line)| {
            let series = index % SERIES;
            let middle: Vec<_> = line.points.iter().map(|(at, estimate)| (*at, estimate.value)).collect();
            let mut edge: Vec<_> = line.points.iter().filter_map(|(at, e)| e.interval.map(|(_, high)| (*at, high))).collect();
            edge.extend(line.points.iter().rev().filter_map(|(at, e)| e.interval.map(|(low, _)| (*at, low))));
            let band = (!edge.is_empty() && !crowded).then(|| view! { <path class=format!("band series-{series}") d=format!("{}Z", path(&edge)) /> });
            // Side by side, so that none hides another.
            let aside = if crowded { (index as f64 - (lines.len() as f64 - 1.0) / 2.0) * ASIDE } else { 0.0 };
            let whiskers = crowded.then(|| {
                line.points
                    .iter()
                    .filter_map(|(at, estimate)| {
                        let (low, high) = estimate.interval?;
                        let x = place(x, *at, x0, x1) + aside;
                        Some(view! { <line class=format!("whisker series-{series}") x1=x x2=x y1=place(y, low, y1, y0) y2=place(y, high, y1, y0) /> })
                    })
                    .collect_view()
            });
            let dots = line
                .points
                .iter()
                .map(|(at, estimate)| {
                    view! {
                        <circle class=format!("point series-{series}") cx=place(x, *at, x0, x1) + aside cy=place(y, estimate.value, y1, y0) r="4">
                            <title>{format!("{}: {}", line.label, estimate_in_words(estimate, y.percent))}</title>
                        </circle>
                    }
                })
                .collect_view();
            view! { {band} {whiskers} <path class=format!("line series-{series}") d=path(&middle) /> {dots} }
        })
        .collect_view();
    let against = band.map(|band| {
        let (top, bottom) = (place(y, band.high, y1, y0), place(y, band.low, y1, y0));
        view! {
            <rect class="against" x=x0 width=x1 - x0 y=top height=(bottom - top).max(1.5)>
                <title>{format!("{}: {} to {}", band.label, short(band.low), short(band.high))}</title>
            </rect>
            <text class="tick" x=x1 - 4.0 y=top - 5.0 text-anchor="end">{band.label.clone()}</text>
        }
    });
    let names: Vec<String> = lines.iter().map(|line| line.label.clone()).collect();
    view! {
        <svg viewBox=format!("0 0 {} {}", frame.width, frame.height) role="img" aria-label=label>
            {axis::bottom(x, &frame)}
            {axis::left(y, &frame)}
            {against}
            {marks}
        </svg>
        {legend(&names)}
    }
}
