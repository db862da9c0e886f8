//! Figures as SVG. The only place that knows how a [`Figure`] looks.

mod axis;
mod bars;
mod curve;
mod map;
mod matrix;
mod save;
mod scatter;

use leptos::prelude::*;
use wasm_bindgen::JsValue;

use super::download;
use super::state::{use_state, words_of};
use crate::protocol::NoticeKind;
use crate::report::export::{figure_table, table_to_csv};
use crate::report::figure::{Cell, Estimate, Figure, Marks};

/// Narrower windows are those of a phone (CSS pixels).
const NARROW: f64 = 600.0;

/// Whether the window is a phone's. A drawing that is made for a page would have letters of half their size there.
fn is_narrow() -> bool {
    let width = web_sys::window().and_then(|it| it.inner_width().ok()).and_then(|it| it.as_f64());
    width.is_some_and(|width| width < NARROW)
}

/// Width of a drawing with axes, in SVG units, which are about pixels then.
fn width() -> f64 {
    if is_narrow() { 340.0 } else { 560.0 }
}

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

/// A figure's title as the name of a file.
fn file_name(title: &str) -> String {
    let plain: String = title.chars().map(|it| if it.is_alphanumeric() { it } else { '-' }).collect();
    plain.split('-').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-")
}

/// A figure with its title, its sentence, its notes, the same numbers as a table, and files of both.
#[component]
pub fn Chart(
    /// What is drawn.
    figure: Figure,
) -> impl IntoView {
    let state = use_state();
    let drawn: NodeRef<leptos::html::Figure> = NodeRef::new();
    let table = figure_table(&figure);
    let notes = (!figure.notes.is_empty()).then(|| {
        view! { <ul class="notes">{figure.notes.iter().map(|note| view! { <li>{note.clone()}</li> }).collect_view()}</ul> }
    });
    let label = format!("{}. {}", figure.title, figure.caption);
    let (title, caption) = (StoredValue::new(figure.title.clone()), StoredValue::new(figure.caption.clone()));
    let said = move |result: Result<(), JsValue>| {
        if let Err(error) = result {
            state.notify(NoticeKind::Unexpected, words_of(&error));
        }
    };
    let as_svg = move |_| {
        if let Some(drawn) = drawn.get_untracked() {
            said(save::svg(&drawn, &title.with_value(|it| file_name(it)), &title.get_value(), &caption.get_value()));
        }
    };
    let as_png = move |_| {
        if let Some(drawn) = drawn.get_untracked() {
            let name = title.with_value(|it| file_name(it));
            let picture = save::png(drawn.into(), name, title.get_value(), caption.get_value());
            leptos::task::spawn_local(async move { said(picture.await) });
        }
    };
    let csv = StoredValue::new(table_to_csv(&table).map_err(|error| error.to_string()));
    let as_csv = move |_| match csv.get_value() {
        Ok(text) => said(download::offer(&format!("{}.csv", title.with_value(|it| file_name(it))), "text/csv", &text)),
        Err(detail) => state.notify(NoticeKind::Unexpected, detail),
    };
    // Drawn anew where a window becomes a phone's or ceases to be one.
    let narrow = RwSignal::new(is_narrow());
    let resized = window_event_listener(leptos::ev::resize, move |_| {
        if narrow.get_untracked() != is_narrow() {
            narrow.set(is_narrow());
        }
    });
    on_cleanup(move || resized.remove());
    let marks = StoredValue::new(figure.marks);
    let drawing = move || {
        narrow.track();
        marks.with_value(|marks| match marks {
            Marks::Bars { bars, axis } => bars::view(bars, axis, label.clone()).into_any(),
            Marks::Scatter { points, x, y, diagonal } => {
                scatter::view(points, x, y, *diagonal, label.clone()).into_any()
            }
            Marks::Curve { lines, x, y, band } => curve::view(lines, x, y, band.as_ref(), label.clone()).into_any(),
            Marks::Map { points } => map::view(points, &label).into_any(),
            Marks::Matrices { matrices, scale } => matrix::view(matrices, scale, &label).into_any(),
        })
    };
    let cell = |cell: Cell| match cell {
        Cell::Number(value) => number_cell(value),
        Cell::Text(text) => text,
        Cell::Missing => "–".to_owned(),
    };
    view! {
        <figure class="chart" data-testid="figure" node_ref=drawn>
            <h2 class="chart-title">{figure.title.clone()}</h2>
            <figcaption><p>{figure.caption.clone()}</p></figcaption>
            {drawing}
            {notes}
            <details>
                <summary>"Show as table, save"</summary>
                <div class="row">
                    <button type="button" data-testid="figure-svg" on:click=as_svg>"Save as SVG"</button>
                    <button type="button" data-testid="figure-png" on:click=as_png>"Save as PNG"</button>
                    <button type="button" data-testid="figure-csv" on:click=as_csv>"Save the numbers (CSV)"</button>
                </div>
                <div class="scroll-x" tabindex="0" role="region" aria-label=format!("Numbers of this figure: {}", figure.title)>
                    <table>
                        <thead><tr>{table.columns.into_iter().map(|head| view! { <th scope="col">{head}</th> }).collect_view()}</tr></thead>
                        <tbody>
                            {table.rows.into_iter().map(|row| view! {
                                <tr>{row.into_iter().map(|it| view! { <td>{cell(it)}</td> }).collect_view()}</tr>
                            }).collect_view()}
                        </tbody>
                    </table>
                </div>
            </details>
        </figure>
    }
}

/// A number of a table: whole ones as they are, others with four decimals.
fn number_cell(value: f64) -> String {
    if value == libm::trunc(value) && libm::fabs(value) < 1e9 { format!("{value}") } else { format!("{value:.4}") }
}

/// Colors of series; a further one begins again.
const SERIES: usize = 5;

/// Colored keys of the series of a chart; nothing for a single one.
pub(crate) fn legend(names: &[String]) -> impl IntoView + use<> {
    (names.len() > 1).then(|| {
        let keys = names.iter().enumerate().map(|(index, name)| {
            view! { <li><span class=format!("swatch series-{}", index % SERIES) aria-hidden="true"></span>{name.clone()}</li> }
        });
        view! { <ul class="chart-legend">{keys.collect_view()}</ul> }
    })
}
