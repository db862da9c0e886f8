//! One stimulus above, two below, each a button.

use leptos::prelude::*;

use super::stimulus_view::StimulusView;
use crate::study::judgment::Input;
use crate::study::trial::{Answer, Trial};
use crate::ui::input_of;

/// Which of the two is closer to the one above?
#[component]
pub fn TrialAnchoredTriplet(
    /// The trial; its first stimulus is the anchor.
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
    let mut stimuli = trial.stimuli.into_iter();
    let anchor = stimuli.next();
    let rest: Vec<_> = stimuli.collect();
    let said = anchor.as_ref().map(|anchor| {
        let words: Vec<&str> = rest.iter().map(|it| it.text.as_str()).collect();
        format!("{}: {}", anchor.text, words.join(" or "))
    });
    let buttons = rest.into_iter().enumerate().map(|(place, stimulus)| {
        let id = stimulus.id.clone();
        view! {
            <button type="button" class="trial-choice" data-testid=format!("closer-{}", place + 1) disabled=move || disabled.get()
                on:click=move |event| answer.run((Answer::Closer { stimulus: id.clone() }, input_of(&event)))>
                <StimulusView stimulus=stimulus on_picture=on_picture />
                <kbd>{place + 1}</kbd>
            </button>
        }
    });
    view! {
        <p data-testid="question">{asked}</p>
        <p class="visually-hidden" role="status">{said}</p>
        {anchor.map(|anchor| view! { <div data-testid="anchor"><StimulusView stimulus=anchor on_picture=on_picture /></div> })}
        <div class="trial-two" role="group" aria-label="Closer to the one above">{buttons.collect_view()}</div>
    }
}
