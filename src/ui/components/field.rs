//! Labelled controls.

use leptos::prelude::*;

/// A number between two ends, as a slider with its value.
#[component]
pub fn SliderField(
    /// Element id; also the test id.
    id: &'static str,
    /// What it sets.
    label: &'static str,
    /// What it does.
    hint: &'static str,
    /// Lowest, highest, step.
    range: (f64, f64, f64),
    /// The value.
    value: RwSignal<f64>,
) -> impl IntoView {
    view! {
        <div class="field">
            <label for=id>{label} " " <output>{move || format!("{:.2}", value.get())}</output></label>
            <input
                type="range"
                id=id
                data-testid=id
                min=range.0
                max=range.1
                step=range.2
                aria-describedby=format!("{id}-hint")
                prop:value=move || value.get().to_string()
                on:input=move |event| if let Ok(number) = event_target_value(&event).parse() { value.set(number) }
            />
            <span class="hint" id=format!("{id}-hint")>{hint}</span>
        </div>
    }
}

/// A whole number, typed.
#[component]
pub fn NumberField(
    /// Element id; also the test id.
    id: &'static str,
    /// What it sets.
    label: &'static str,
    /// What it does.
    hint: &'static str,
    /// Lowest and highest.
    range: (u64, u64),
    /// The value.
    value: RwSignal<u64>,
) -> impl IntoView {
    view! {
        <div class="field">
            <label for=id>{label}</label>
            <input
                type="number"
                inputmode="numeric"
                id=id
                data-testid=id
                min=range.0
                max=range.1
                step="1"
                aria-describedby=format!("{id}-hint")
                prop:value=move || value.get().to_string()
                on:change=move |event| {
                    let typed = event_target_value(&event).parse::<u64>().unwrap_or(value.get_untracked());
                    value.set(typed.clamp(range.0, range.1));
                }
            />
            <span class="hint" id=format!("{id}-hint")>{hint}</span>
        </div>
    }
}
