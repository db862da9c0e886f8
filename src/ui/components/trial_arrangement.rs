//! A field on which things are put by tapping or with the arrow keys; nothing has to be dragged.

use leptos::prelude::*;

use super::stimulus_view::StimulusView;
use crate::study::arrangement::FIELD;
use crate::study::judgment::Input;
use crate::study::trial::{Answer, Trial};
use crate::ui::by_name::{call, number};
use crate::ui::input_of;
use crate::ui::state::use_state;

/// Steps of the arrow keys, without and with Shift, in thousandths of the field.
const STEPS: (i32, i32) = (25, 100);

type Places = Vec<Option<(u16, u16)>>;

/// Where on the field a click was, in its own units.
fn place_of(event: &web_sys::MouseEvent, field: &web_sys::Element) -> Option<(u16, u16)> {
    let area = call(field, "getBoundingClientRect", &[]).ok()?;
    let part = |at: i32, start: &str, size: &str| {
        let (start, size) = (number(&area, start).ok()?, number(&area, size).ok()?);
        let share = (f64::from(at) - start) / size.max(1.0);
        Some((share.clamp(0.0, 1.0) * f64::from(FIELD)).round() as u16)
    };
    Some((part(event.client_x(), "left", "width")?, part(event.client_y(), "top", "height")?))
}

/// A place in words.
fn in_words((x, y): (u16, u16)) -> String {
    let percent = |value: u16| u32::from(value) * 100 / u32::from(FIELD);
    format!("{} % from the left, {} % from the top", percent(x), percent(y))
}

/// Put what is alike close together.
#[component]
pub fn TrialArrangement(
    /// The trial.
    trial: Trial,
    /// What is asked.
    question: String,
    /// While an answer is being saved.
    disabled: Signal<bool>,
    /// Takes the answer.
    answer: Callback<(Answer, Input)>,
    /// Called when a picture is there.
    on_picture: Callback<bool>,
) -> impl IntoView {
    let asked = trial.instruction().map_or(question, str::to_owned);
    let n = trial.stimuli.len();
    let places = RwSignal::new(vec![None; n] as Places);
    let chosen = RwSignal::new(0_usize);
    let said = RwSignal::new(String::new());
    let svg = NodeRef::<leptos::svg::Svg>::new();
    let names: StoredValue<Vec<String>> =
        StoredValue::new(trial.stimuli.iter().map(|stimulus| stimulus.text.clone()).collect());
    let put = move |item: usize, at: (u16, u16)| {
        places.update(|places| {
            if let Some(place) = places.get_mut(item) {
                *place = Some(at);
            }
        });
        let name = names.with_value(|names| names.get(item).cloned().unwrap_or_default());
        said.set(format!("{name}: {}", in_words(at)));
    };
    let tap = move |event: web_sys::MouseEvent| {
        let item = chosen.get_untracked();
        let Some(at) = svg.get_untracked().and_then(|field| place_of(&event, &field)) else { return };
        let was_new = places.with_untracked(|places| places.get(item).is_some_and(Option::is_none));
        put(item, at);
        // On to the next thing that lies nowhere yet.
        if was_new && let Some(next) = places.with_untracked(|places| places.iter().position(Option::is_none)) {
            chosen.set(next);
        }
    };
    let move_by = move |item: usize, event: &web_sys::KeyboardEvent| {
        let step = if event.shift_key() { STEPS.1 } else { STEPS.0 };
        let (dx, dy) = match event.key().as_str() {
            "ArrowLeft" => (-step, 0),
            "ArrowRight" => (step, 0),
            "ArrowUp" => (0, -step),
            "ArrowDown" => (0, step),
            _ => return,
        };
        event.prevent_default();
        chosen.set(item);
        let middle = FIELD / 2;
        let (x, y) = places.with_untracked(|places| places.get(item).copied().flatten()).unwrap_or((middle, middle));
        let moved = |value: u16, by: i32| (i32::from(value) + by).clamp(0, i32::from(FIELD)) as u16;
        put(item, (moved(x, dx), moved(y, dy)));
    };
    let tray = trial
        .stimuli
        .iter()
        .cloned()
        .enumerate()
        .map(|(item, stimulus)| {
            view! {
                <li>
                    <button type="button" class="arrangement-item" data-testid=format!("thing-{item}")
                        class:placed=move || places.with(|places| places.get(item).is_some_and(Option::is_some))
                        aria-pressed=move || (chosen.get() == item).to_string()
                        on:click=move |_| chosen.set(item)
                        on:keydown=move |event| move_by(item, &event)>
                        <StimulusView stimulus=stimulus on_picture=on_picture />
                        <span class="visually-hidden">{move || places.with(|places| places.get(item).copied().flatten()).map_or_else(|| ", not placed yet".to_owned(), |at| format!(", {}", in_words(at)))}</span>
                    </button>
                </li>
            }
        })
        .collect_view();
    let root = use_state().site_root();
    let pictures: Vec<Option<String>> = trial
        .stimuli
        .iter()
        .map(|stimulus| {
            let path = stimulus.image.clone()?;
            Some(if path.starts_with("data:") { path } else { format!("{root}{path}") })
        })
        .collect();
    let marks = move || {
        let (places, chosen_now) = (places.get(), chosen.get());
        places
            .into_iter()
            .enumerate()
            .filter_map(|(item, at)| Some((item, at?)))
            .map(|(item, (x, y))| {
                let name = names.with_value(|names| names.get(item).cloned().unwrap_or_default());
                let class = if item == chosen_now { "thing chosen" } else { "thing" };
                let pick = move |event: web_sys::MouseEvent| {
                    event.stop_propagation();
                    chosen.set(item);
                };
                let drawn = if let Some(source) = pictures.get(item).cloned().flatten() {
                    view! { <image href=source x=i32::from(x) - 50 y=i32::from(y) - 50 width="100" height="100" /> }
                        .into_any()
                } else {
                    // Near the right edge the name stands to the left of its point.
                    let (anchor, gap) = if x > 800 { ("end", -18) } else { ("start", 18) };
                    view! { <text x=i32::from(x) + gap y=i32::from(y) + 11 text-anchor=anchor>{name}</text> }.into_any()
                };
                view! { <g class=class on:click=pick><circle cx=x cy=y r="10" />{drawn}</g> }
            })
            .collect_view()
    };
    let missing = move || places.with(|places| places.iter().filter(|place| place.is_none()).count());
    let finish = move |event: web_sys::MouseEvent| {
        let points: Option<Vec<(u16, u16)>> = places.get_untracked().into_iter().collect();
        if let Some(points) = points {
            answer.run((Answer::Arrangement { points }, input_of(&event)));
        }
    };
    view! {
        <p role="status" data-testid="question">{asked}</p>
        <div class="arrangement">
            <ul class="arrangement-tray" aria-label="Things to place: choose one, then tap the field or press the arrow keys">{tray}</ul>
            <svg node_ref=svg class="arrangement-field" viewBox=format!("0 0 {FIELD} {FIELD}") role="img" aria-label="The field" data-testid="field" on:click=tap>
                <rect class="ground" x="0" y="0" width=FIELD height=FIELD />
                {marks}
            </svg>
        </div>
        <p class="visually-hidden" role="status" data-testid="placed">{move || said.get()}</p>
        <p class="hint">"Choose a thing, then tap its place. With a keyboard: Tab to a thing and move it with the arrow keys, further with Shift."</p>
        <button type="button" class="primary" data-testid="arranged" disabled=move || disabled.get() || missing() != 0 on:click=finish>
            {move || match missing() {
                0 => "Done".to_owned(),
                1 => "1 thing is still to be placed".to_owned(),
                n => format!("{n} things are still to be placed"),
            }}
        </button>
    }
}
