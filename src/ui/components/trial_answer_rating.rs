//! One answer to a prompt and one question after the other about it.

use leptos::prelude::*;

use super::trial_pair_rating::ScaleButtons;
use crate::app::judging::{Choice, add_rating};
use crate::study::design::{Design, Label};
use crate::study::judgment::Input;
use crate::study::study::Scale;
use crate::study::trial::{Answer, Trial};

/// How is this answer?
#[component]
pub fn TrialAnswerRating(
    /// The trial.
    trial: Trial,
    /// What is asked.
    question: String,
    /// What was answered.
    prompt: String,
    /// What is rated.
    axes: Vec<Label>,
    /// How.
    scale: Scale,
    /// Ratings so far.
    ratings: RwSignal<Vec<u8>>,
    /// While an answer is being saved.
    disabled: Signal<bool>,
    /// Takes the answer.
    answer: Callback<(Answer, Input)>,
) -> impl IntoView {
    let asked = trial.instruction().map_or(question, str::to_owned);
    let text = trial.stimuli.into_iter().next().map(|stimulus| stimulus.text).unwrap_or_default();
    let design =
        StoredValue::new(Design::AnswerRating { prompts: Vec::new(), axes: axes.clone(), scale: scale.clone() });
    let choose = Callback::new(move |(rating, input)| {
        let so_far = ratings.get_untracked();
        match design.with_value(|design| add_rating(design, &so_far, rating)) {
            Some(Choice::Answer(it)) => answer.run((it, input)),
            Some(Choice::Ratings(more)) => ratings.set(more),
            _ => {}
        }
    });
    let n = axes.len();
    view! {
        <p class="trial-prompt" data-testid="prompt">{prompt}</p>
        <article class="trial-answer" data-testid="answer-a" aria-label="Answer"><p>{text}</p></article>
        <p>{asked}</p>
        {move || {
            let done = ratings.with(Vec::len);
            let axis = axes.get(done).map(|it| it.text.clone()).unwrap_or_default();
            view! {
                <p class="trial-question" role="status" data-testid="axis" data-axis=done.to_string()>{format!("{axis} ({} of {n})", (done + 1).min(n))}</p>
                <ScaleButtons scale=scale.clone() label="Rating" id="rate" disabled=disabled choose=choose />
                {(done > 0).then(|| view! {
                    <button type="button" class="quiet" data-testid="other-rating" on:click=move |_| ratings.update(|it| { it.pop(); })>"Take back the last rating (Escape)"</button>
                })}
            }
        }}
    }
}
