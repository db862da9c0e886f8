//! A map of names: arrow keys go from name to name, and what is near is said in words.

use leptos::prelude::*;

use crate::report::figure::Point;

/// Side of the drawing, and on a phone.
const SIDES: (f64, f64) = (520.0, 320.0);
const MARGIN: f64 = 46.0;
/// Side of a picture.
const PICTURE: f64 = 28.0;
/// Neighbors that are named.
const NEAREST: usize = 3;

/// Names of the points nearest to one, nearest first.
fn nearest(points: &[Point], at: usize) -> Vec<String> {
    let Some(from) = points.get(at) else { return Vec::new() };
    let distance = |to: &Point| (to.x - from.x).powi(2) + (to.y - from.y).powi(2);
    let mut others: Vec<&Point> = points.iter().enumerate().filter(|(it, _)| *it != at).map(|(_, it)| it).collect();
    others.sort_by(|a, b| distance(a).total_cmp(&distance(b)));
    others.into_iter().take(NEAREST).map(|it| it.label.clone()).collect()
}

pub(super) fn view(points: &[Point], label: &str) -> impl IntoView + use<> {
    let points = StoredValue::new(points.to_vec());
    let n = points.with_value(Vec::len);
    let side = if super::is_narrow() { SIDES.1 } else { SIDES.0 };
    let chosen: RwSignal<Option<usize>> = RwSignal::new(None);
    // One scale for both axes: distances are what the picture is about.
    let ends = |of: fn(&Point) -> f64| {
        points.with_value(|points| {
            points
                .iter()
                .map(of)
                .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), it| (low.min(it), high.max(it)))
        })
    };
    let ((x0, x1), (y0, y1)) = (ends(|it| it.x), ends(|it| it.y));
    let span = (x1 - x0).max(y1 - y0).max(1e-12);
    let unit = (side - 2.0 * MARGIN) / span;
    let height = (y1 - y0).max(0.0) * unit + 2.0 * MARGIN;
    let words = move || {
        chosen.get().map_or_else(
            || "Choose a name to hear what lies near it; arrow keys go on.".to_owned(),
            |at| {
                points.with_value(|points| {
                    format!("{}: nearest are {}.", points[at].label, nearest(points, at).join(", "))
                })
            },
        )
    };
    let step = move |event: leptos::ev::KeyboardEvent| {
        let by = match event.key().as_str() {
            "ArrowRight" | "ArrowDown" => 1,
            "ArrowLeft" | "ArrowUp" => n.saturating_sub(1),
            _ => return,
        };
        event.prevent_default();
        chosen.update(|chosen| *chosen = Some(chosen.map_or(0, |at| (at + by) % n.max(1))));
    };
    let marks = points.with_value(|points| {
        points
            .iter()
            .enumerate()
            .map(|(at, point)| {
                let (x, y) = (MARGIN + (point.x - x0) * unit, MARGIN + (y1 - point.y) * unit);
                // Names near the right edge stand on the left of their point.
                let away = if point.picture.is_some() { PICTURE / 2.0 + 4.0 } else { 9.0 };
                let (anchor, dx) = if x > side * if super::is_narrow() { 0.6 } else { 0.75 } { ("end", -away) } else { ("start", away) };
                let class = move || if chosen.get() == Some(at) { "map-point chosen" } else { "map-point" };
                view! {
                    <g class=class on:click=move |_| chosen.set(Some(at))>
                        {match point.picture.clone() {
                            Some(address) => view! {
                                <image href=address x=x - PICTURE / 2.0 y=y - PICTURE / 2.0 width=PICTURE height=PICTURE><title>{point.label.clone()}</title></image>
                                <rect class="map-frame" x=x - PICTURE / 2.0 - 2.0 y=y - PICTURE / 2.0 - 2.0 width=PICTURE + 4.0 height=PICTURE + 4.0 rx="4" fill="none" />
                            }
                            .into_any(),
                            None => view! { <circle class="point series-0" cx=x cy=y r="5" /> }.into_any(),
                        }}
                        <text x=x + dx y=y + 4.0 text-anchor=anchor>{point.label.clone()}</text>
                    </g>
                }
            })
            .collect_view()
    });
    view! {
        <div class="map" tabindex="0" role="group" aria-label=format!("Map, arrow keys go from name to name: {label}") data-testid="map"
            on:keydown=step on:focus=move |_| chosen.update(|chosen| *chosen = chosen.or(Some(0)))>
            <svg viewBox=format!("0 0 {side} {height:.1}") aria-hidden="true">{marks}</svg>
        </div>
        <p class="hint" role="status" data-testid="map-words">{words}</p>
    }
}
