//! One stimulus and a field to type its name into; "I can't tell" is a button of the same size.

use leptos::html;
use leptos::prelude::*;

use super::stimulus_view::StimulusView;
use crate::study::judgment::Input;
use crate::study::trial::{Answer, Trial};
use crate::ui::input_of;

/// What is this?
#[component]
pub fn TrialFreeLabel(
    /// The trial.
    trial: Trial,
    /// What is asked.
    question: String,
    /// Longest name in characters.
    max_chars: u32,
    /// While an answer is being saved.
    disabled: Signal<bool>,
    /// Takes the answer.
    answer: Callback<(Answer, Input)>,
    /// Called when a picture is there.
    on_picture: Callback<bool>,
) -> impl IntoView {
    let asked = trial.instruction().map_or(question, str::to_owned);
    let name = RwSignal::new(String::new());
    let field = NodeRef::<html::Input>::new();
    Effect::new(move |_| {
        if let Some(field) = field.get() {
            // A field that cannot take the focus can still be tapped.
            drop(field.focus());
        }
    });
    let give = move || {
        let text = name.get_untracked().trim().to_owned();
        if !text.is_empty() {
            answer.run((Answer::FreeLabel { text: Some(text) }, Input::Keyboard));
        }
    };
    view! {
        <p role="status" data-testid="question">{asked}</p>
        {trial.stimuli.into_iter().next().map(|stimulus| view! { <div data-testid="stimulus"><StimulusView stimulus=stimulus on_picture=on_picture /></div> })}
        <form class="free-label" on:submit=move |event| { event.prevent_default(); give(); }>
            <div class="field">
                <label for="free-name">"Its name"</label>
                <input type="text" id="free-name" data-testid="free-name" autocomplete="off" autocapitalize="none" maxlength=max_chars.to_string() node_ref=field prop:value=move || name.get() on:input=move |event| name.set(event_target_value(&event)) />
            </div>
            <div class="label-buttons">
                <button type="submit" data-testid="give-name" disabled=move || disabled.get() || name.with(|it| it.trim().is_empty())>"This is it (Enter)"</button>
                <button type="button" data-testid="cannot-tell" disabled=move || disabled.get() on:click=move |event| answer.run((Answer::FreeLabel { text: None }, input_of(&event)))>"I can't tell"</button>
            </div>
        </form>
    }
}
