//! Three stimuli, each a button.

use leptos::prelude::*;

use super::stimulus_view::StimulusView;
use crate::study::judgment::Input;
use crate::study::trial::{Answer, Trial};
use crate::ui::input_of;

/// Which one is the odd one out?
#[component]
pub fn TrialTriplet(
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
    let instruction = trial.instruction().map(str::to_owned);
    let asked = match instruction {
        Some(text) => view! { <p class="trial-question" data-testid="instruction" role="status">{text}</p> }.into_any(),
        None => view! { <p>{question}</p> }.into_any(),
    };
    let words: Vec<String> = trial.stimuli.iter().map(|stimulus| stimulus.text.clone()).collect();
    let buttons = trial.stimuli.into_iter().enumerate().map(|(place, stimulus)| {
        let id = stimulus.id.clone();
        view! {
            <button type="button" class="trial-choice" data-testid=format!("odd-{}", place + 1) disabled=move || disabled.get()
                on:click=move |event| answer.run((Answer::OddOne { stimulus: id.clone() }, input_of(&event)))>
                <StimulusView stimulus=stimulus on_picture=on_picture />
                <kbd>{place + 1}</kbd>
            </button>
        }
    });
    view! {
        {asked}
        <p class="visually-hidden" role="status">{words.join(", ")}</p>
        <div class="trial-triplet" role="group" aria-label="Odd one out">{buttons.collect_view()}</div>
    }
}
