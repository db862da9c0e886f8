//! A question about the instructions; it stays until it is answered rightly.

use leptos::prelude::*;

use crate::study::judgment::Input;
use crate::study::study::Question;
use crate::study::trial::Answer;
use crate::ui::input_of;

/// A question with its options.
#[component]
pub fn TrialQuestion(
    /// The question.
    question: Question,
    /// What participants are asked to do.
    instructions: String,
    /// Whether the last answer was wrong.
    again: bool,
    /// While an answer is being saved.
    disabled: Signal<bool>,
    /// Takes the answer.
    answer: Callback<(Answer, Input)>,
) -> impl IntoView {
    let buttons = (0_u8..).zip(question.options).map(|(option, text)| {
        view! {
            <button type="button" data-testid=format!("option-{}", option + 1) disabled=move || disabled.get()
                on:click=move |event| answer.run((Answer::Option { option }, input_of(&event)))>
                {text} <kbd>{option + 1}</kbd>
            </button>
        }
    });
    view! {
        <p>{instructions}</p>
        {again.then(|| view! { <p class="badge wrong" role="alert" data-testid="try-again">"Not quite: please read the instructions again."</p> })}
        <p class="trial-question" role="status">{question.text}</p>
        <div class="label-buttons" role="group" aria-label="Options">{buttons.collect_view()}</div>
    }
}
