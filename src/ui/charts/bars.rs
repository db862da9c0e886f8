//! Horizontal bars with intervals and n.

use leptos::prelude::*;

use super::axis::{self, Frame, place};
use super::{estimate_in_words, legend};
use crate::report::figure::{Axis, Bar};

const ROW: f64 = 30.0;
/// Height of a line of a label.
const LETTERS: f64 = 13.0;

/// Longest line of a label, in characters.
const LINE: usize = 36;

/// A label in one line, or in two where it is long, broken at the space nearest to its middle.
fn lines(label: &str) -> Vec<&str> {
    if label.chars().count() <= LINE {
        return vec![label];
    }
    let middle = label.len() / 2;
    match label.match_indices(' ').min_by_key(|(at, _)| at.abs_diff(middle)) {
        Some((at, _)) => vec![&label[..at], &label[at + 1..]],
        None => vec![label],
    }
}

pub(super) fn view(bars: &[Bar], axis: &Axis, label: String) -> impl IntoView + use<> {
    let mut groups: Vec<String> = Vec::new();
    for bar in bars {
        if !groups.contains(&bar.group) {
            groups.push(bar.group.clone());
        }
    }
    // Room for the longest label, up to half of the figure.
    let parts = bars.iter().flat_map(|bar| lines(&bar.label));
    let longest = parts.map(|part| part.chars().count()).max().unwrap_or(0) as f64;
    // Where there is no room beside a bar its label stands above it.
    let above = super::is_narrow();
    let names: Vec<Vec<&str>> = bars
        .iter()
        .enumerate()
        .map(|(row, bar)| if row > 0 && bars[row - 1].label == bar.label { Vec::new() } else { lines(&bar.label) })
        .collect();
    let room = |row: usize| if above { names[row].len() as f64 * (LETTERS + 2.0) } else { 0.0 };
    let rooms: f64 = (0..bars.len()).map(room).sum();
    let frame = Frame {
        width: super::width(),
        height: bars.len() as f64 * ROW + rooms + 58.0,
        left: if above { 10.0 } else { (12.0 + longest * 7.2).clamp(148.0, 280.0) },
        top: 8.0,
        right: 66.0,
        bottom: 42.0,
    };
    let (x0, x1) = (frame.left, frame.width - frame.right);
    let mut bottom = frame.top;
    let rows = bars
        .iter()
        .enumerate()
        .map(|(row, bar)| {
            let y = bottom + room(row);
            bottom = y + ROW;
            let middle = y + ROW / 2.0;
            let series = groups.iter().position(|group| *group == bar.group).unwrap_or(0) % super::SERIES;
            let end = place(axis, bar.estimate.value, x0, x1);
            let interval = bar.estimate.interval.map(|(low, high)| {
                let (a, b) = (place(axis, low, x0, x1), place(axis, high, x0, x1));
                view! {
                    <line class="interval" x1=a x2=b y1=middle y2=middle />
                    <line class="interval" x1=a x2=a y1=middle - 4.0 y2=middle + 4.0 />
                    <line class="interval" x1=b x2=b y1=middle - 4.0 y2=middle + 4.0 />
                }
            });
            let first = if above {
                y - room(row) + LETTERS
            } else {
                middle + 4.0 - names[row].len().saturating_sub(1) as f64 * LETTERS / 2.0
            };
            let (x, anchor) = if above { (x0, "start") } else { (x0 - 8.0, "end") };
            let name = names[row].iter().enumerate().map(|(line, part)| {
                view! { <text x=x y=first + line as f64 * LETTERS text-anchor=anchor>{(*part).to_owned()}</text> }
            });
            let name = name.collect_view();
            view! {
                <g>
                    <title>{format!("{} {}: {}", bar.label, bar.group, estimate_in_words(&bar.estimate, axis.percent))}</title>
                    {name}
                    <rect class=format!("series-{series}") x=x0 y=y + 5.0 width=(end - x0).max(0.0) height=ROW - 10.0 rx="2" />
                    {interval}
                    <text class="tick" x=x1 + 8.0 y=middle + 4.0>{format!("n = {}", bar.estimate.n)}</text>
                </g>
            }
        })
        .collect_view();
    let named: Vec<String> = groups.iter().filter(|group| !group.is_empty()).cloned().collect();
    view! {
        <svg viewBox=format!("0 0 {} {}", frame.width, frame.height) role="img" aria-label=label>
            {axis::bottom(axis, &frame)}
            {rows}
        </svg>
        {legend(&named)}
    }
}
