//! Two answers to one prompt, side by side, and four verdicts. Nothing here says where an answer comes from.

use leptos::prelude::*;

use crate::study::judgment::Input;
use crate::study::trial::{Answer, Preferred, Trial};
use crate::ui::input_of;

/// Words of a verdict's button.
fn words(preferred: Preferred) -> (&'static str, &'static str) {
    match preferred {
        Preferred::Left => ("left", "A is better"),
        Preferred::Tie => ("tie", "Tie"),
        Preferred::BothBad => ("both-bad", "Both are bad"),
        Preferred::Right => ("right", "B is better"),
    }
}

/// Which answer is better?
#[component]
pub fn TrialPreference(
    /// The trial.
    trial: Trial,
    /// What is asked.
    question: String,
    /// What was answered.
    prompt: String,
    /// While an answer is being saved.
    disabled: Signal<bool>,
    /// Takes the answer.
    answer: Callback<(Answer, Input)>,
) -> impl IntoView {
    let asked = match trial.instruction().map(str::to_owned) {
        Some(text) => view! { <p class="trial-question" data-testid="instruction">{text}</p> }.into_any(),
        None => view! { <p>{question}</p> }.into_any(),
    };
    let answers = trial.stimuli.into_iter().zip(["A", "B"]).map(|(stimulus, name)| {
        view! {
            <article class="trial-answer" data-testid=format!("answer-{}", name.to_lowercase()) aria-label=format!("Answer {name}")>
                <h3>{name}</h3>
                <p>{stimulus.text}</p>
            </article>
        }
    });
    let buttons = Preferred::ALL.into_iter().enumerate().map(|(place, preferred)| {
        let (id, label) = words(preferred);
        view! {
            <button type="button" data-testid=format!("prefer-{id}") disabled=move || disabled.get()
                on:click=move |event| answer.run((Answer::Preference { preferred }, input_of(&event)))>
                {label} <kbd>{place + 1}</kbd>
            </button>
        }
    });
    view! {
        <p class="trial-prompt" data-testid="prompt" role="status">{prompt}</p>
        {asked}
        <div class="trial-answers">{answers.collect_view()}</div>
        <div class="verdict-buttons" role="group" aria-label="Your verdict">{buttons.collect_view()}</div>
    }
}
