//! Two stimuli and a scale.

use leptos::prelude::*;

use super::stimulus_view::StimulusView;
use crate::study::judgment::Input;
use crate::study::study::Scale;
use crate::study::trial::{Answer, Trial};
use crate::ui::input_of;

/// Buttons of a scale, with what its ends mean.
#[component]
pub fn ScaleButtons(
    /// The scale.
    scale: Scale,
    /// What it measures, for those who cannot see it.
    label: &'static str,
    /// Start of the buttons' test ids.
    id: &'static str,
    /// While an answer is being saved.
    disabled: Signal<bool>,
    /// Takes the number.
    choose: Callback<(u8, Input)>,
) -> impl IntoView {
    view! {
        <div class="scale-buttons" role="group" aria-label=format!("{label}, from {}, {}, to {}, {}", scale.min, scale.low_label, scale.max, scale.high_label)>
            {(scale.min..=scale.max).map(|number| view! {
                <button type="button" data-testid=format!("{id}-{number}") disabled=move || disabled.get() on:click=move |event| choose.run((number, input_of(&event)))>{number}</button>
            }).collect_view()}
        </div>
        <div class="scale-ends" aria-hidden="true"><span>{scale.low_label.clone()}</span><span>{scale.high_label.clone()}</span></div>
    }
}

/// How similar are these two?
#[component]
pub fn TrialPairRating(
    /// The trial.
    trial: Trial,
    /// What is asked.
    question: String,
    /// The scale.
    scale: Scale,
    /// While an answer is being saved.
    disabled: Signal<bool>,
    /// Takes the answer.
    answer: Callback<(Answer, Input)>,
    /// Called when a picture is there.
    on_picture: Callback<bool>,
) -> impl IntoView {
    let shown = match (trial.instruction(), trial.stimuli.as_slice()) {
        (Some(text), _) => {
            view! { <p class="trial-word" data-testid="instruction" role="status">{text.to_owned()}</p> }.into_any()
        }
        (None, [left, right]) => view! {
            <p>{question}</p>
            <div class="trial-pair" role="status">
                <div data-testid="left"><StimulusView stimulus=left.clone() on_picture=on_picture /></div>
                <span>"and"</span>
                <div data-testid="right"><StimulusView stimulus=right.clone() on_picture=on_picture /></div>
            </div>
        }
        .into_any(),
        _ => ().into_any(),
    };
    let choose = Callback::new(move |(rating, input)| answer.run((Answer::Rating { rating }, input)));
    view! {
        {shown}
        <ScaleButtons scale=scale label="Similarity" id="rate" disabled=disabled choose=choose />
    }
}
