//! One stimulus and its labels; "I can't tell" is a button like the others. Then, where the study asks, how sure.

use leptos::prelude::*;

use super::stimulus_view::StimulusView;
use super::trial_pair_rating::ScaleButtons;
use crate::app::judging::{Choice, GivenLabel, choose_label};
use crate::study::design::{Design, Label};
use crate::study::judgment::Input;
use crate::study::label::KEYS;
use crate::study::study::Scale;
use crate::study::trial::{Answer, Trial};
use crate::ui::input_of;

/// What is this?
#[component]
pub fn TrialLabel(
    /// The trial.
    trial: Trial,
    /// What is asked.
    question: String,
    /// What can be chosen.
    labels: Vec<Label>,
    /// Asks how sure, if given.
    confidence: Option<Scale>,
    /// The label that waits for its confidence.
    pending: RwSignal<Option<GivenLabel>>,
    /// While an answer is being saved.
    disabled: Signal<bool>,
    /// Takes the answer.
    answer: Callback<(Answer, Input)>,
    /// Called when a picture is there.
    on_picture: Callback<bool>,
) -> impl IntoView {
    let asked = trial.instruction().map_or(question, str::to_owned);
    let design = StoredValue::new(Design::Label { labels: labels.clone(), confidence: confidence.clone() });
    let choose = move |label: Option<String>, input| match design.with_value(|design| choose_label(design, label)) {
        Choice::Answer(it) => answer.run((it, input)),
        Choice::Label(label) => pending.set(Some(label)),
        Choice::Ratings(_) => {}
    };
    let name_of = {
        let labels = labels.clone();
        move |label: Option<String>| match label {
            Some(id) => labels.iter().find(|it| it.id == id).map_or(id, |it| it.text.clone()),
            None => "I can't tell".to_owned(),
        }
    };
    let all: Vec<(Option<String>, String, String)> = labels
        .into_iter()
        .enumerate()
        .map(|(place, label)| (Some(label.id), label.text, KEYS.get(place).copied().unwrap_or_default().to_uppercase()))
        .chain(std::iter::once((None, "I can't tell".to_owned(), "0".to_owned())))
        .collect();
    let buttons = move || {
        all.clone()
            .into_iter()
            .map(|(label, text, key)| {
                let id = label.clone().unwrap_or_else(|| "cannot-tell".to_owned());
                view! {
                    <button type="button" data-testid=format!("label-{id}") disabled=move || disabled.get()
                        on:click=move |event| choose(label.clone(), input_of(&event))>
                        {text} <kbd>{key}</kbd>
                    </button>
                }
            })
            .collect_view()
    };
    let sure = Callback::new(move |(sure, input)| {
        if let Some(GivenLabel(label)) = pending.get_untracked() {
            answer.run((Answer::Label { label, confidence: Some(sure) }, input));
        }
    });
    view! {
        <p data-testid="question" role="status">{asked}</p>
        {trial.stimuli.into_iter().next().map(|stimulus| view! { <div data-testid="stimulus"><StimulusView stimulus=stimulus on_picture=on_picture /></div> })}
        {move || match (pending.get(), confidence.clone()) {
            (Some(GivenLabel(label)), Some(scale)) => view! {
                <p role="status" data-testid="how-sure">{format!("Your answer: {}. How sure are you?", name_of(label))}</p>
                <ScaleButtons scale=scale label="How sure" id="sure" disabled=disabled choose=sure />
                <button type="button" class="quiet" data-testid="other-label" on:click=move |_| pending.set(None)>"Choose another answer (Escape)"</button>
            }.into_any(),
            _ => view! { <div class="label-buttons" role="group" aria-label="Answers">{buttons()}</div> }.into_any(),
        }}
    }
}
