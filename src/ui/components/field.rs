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

/// A text, typed; on one line or several.
#[component]
pub fn TextField(
    /// Element id; also the test id.
    id: &'static str,
    /// What it sets.
    #[prop(into)]
    label: Signal<String>,
    /// What it does.
    #[prop(into)]
    hint: Signal<String>,
    /// Lines; 1 for a single line.
    #[prop(default = 1)]
    rows: u32,
    /// The text.
    #[prop(into)]
    value: Signal<String>,
    /// Takes what is typed.
    set: Callback<String>,
    /// What is wrong with it.
    #[prop(into, default = Signal::stored(None))]
    error: Signal<Option<String>>,
) -> impl IntoView {
    let invalid = move || error.get().map(|_| "true");
    let describes = format!("{id}-hint {id}-error");
    let field = if rows > 1 {
        view! {
            <textarea id=id data-testid=id rows=rows aria-describedby=describes aria-invalid=invalid prop:value=move || value.get()
                on:input=move |event| set.run(event_target_value(&event))></textarea>
        }
        .into_any()
    } else {
        view! {
            <input type="text" id=id data-testid=id aria-describedby=describes aria-invalid=invalid prop:value=move || value.get()
                on:input=move |event| set.run(event_target_value(&event)) />
        }
        .into_any()
    };
    view! {
        <div class="field">
            <label for=id>{move || label.get()}</label>
            {field}
            <span class="hint" id=format!("{id}-hint")>{move || hint.get()}</span>
            <span class="field-error" id=format!("{id}-error") data-testid=format!("{id}-error")>{move || error.get()}</span>
        </div>
    }
}

/// A whole number that somebody else keeps.
#[component]
pub fn CountField(
    /// Element id; also the test id.
    id: &'static str,
    /// What it sets.
    #[prop(into)]
    label: Signal<String>,
    /// What it does.
    hint: &'static str,
    /// The number.
    #[prop(into)]
    value: Signal<u32>,
    /// Takes the number.
    set: Callback<u32>,
    /// What is wrong with it.
    #[prop(into, default = Signal::stored(None))]
    error: Signal<Option<String>>,
) -> impl IntoView {
    view! {
        <div class="field">
            <label for=id>{move || label.get()}</label>
            <input type="number" inputmode="numeric" min="0" step="1" id=id data-testid=id
                aria-describedby=format!("{id}-hint {id}-error") aria-invalid=move || error.get().map(|_| "true")
                prop:value=move || value.get().to_string()
                on:change=move |event| set.run(event_target_value(&event).parse().unwrap_or_else(|_| value.get_untracked())) />
            <span class="hint" id=format!("{id}-hint")>{hint}</span>
            <span class="field-error" id=format!("{id}-error") data-testid=format!("{id}-error")>{move || error.get()}</span>
        </div>
    }
}
