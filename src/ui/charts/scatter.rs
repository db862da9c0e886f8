//! Points with labels.

use leptos::prelude::*;

use super::axis::{self, Frame, place};
use super::short;
use crate::report::figure::{Axis, Point};

pub(super) fn view(points: &[Point], x: &Axis, y: &Axis, diagonal: bool, label: String) -> impl IntoView + use<> {
    let frame = Frame { width: super::width(), height: 440.0, left: 56.0, top: 28.0, right: 16.0, bottom: 46.0 };
    let (x0, x1) = (frame.left, frame.width - frame.right);
    let (y0, y1) = (frame.top, frame.height - frame.bottom);
    let line = diagonal.then(|| {
        let low = x.range.0.max(y.range.0);
        let high = x.range.1.min(y.range.1);
        view! {
            <line class="diagonal" x1=place(x, low, x0, x1) y1=place(y, low, y1, y0) x2=place(x, high, x0, x1) y2=place(y, high, y1, y0) />
        }
    });
    let marks = points
        .iter()
        .map(|point| {
            view! {
                <circle class="point series-0" cx=place(x, point.x, x0, x1) cy=place(y, point.y, y1, y0) r="5">
                    <title>{format!("{}: {}, {}", point.label, short(point.x), short(point.y))}</title>
                </circle>
            }
        })
        .collect_view();
    view! {
        <svg viewBox=format!("0 0 {} {}", frame.width, frame.height) role="img" aria-label=label>
            {axis::bottom(x, &frame)}
            {axis::left(y, &frame)}
            {line}
            {marks}
        </svg>
    }
}
