//! What each loaded model says of the picture, and how it is read: abstention function, threshold, one's own answer.

use leptos::prelude::*;

use super::sight_page::{Choices, Side};
use crate::app::sight::Seen;
use crate::eval::abstention::{Abstention, Judge};
use crate::eval::engine::Response;
use crate::eval::item::Item;
use crate::eval::picture_set::gold_in_words;
use crate::eval::sight::{ABSTAIN, Labels, SLOTS, hellinger, one_hot, slot_name};
use crate::eval::tasks::visalign::{PICTURES, evidence_of, gold_answer};
use crate::ui::components::field::SliderField;

fn percent(value: f64) -> String {
    format!("{:.0} %", 100.0 * value)
}

/// Eleven bars.
fn slot_bars(
    prefix: &str,
    labels: Labels,
    answer: &[f64; SLOTS],
    decision: usize,
    own: Option<usize>,
) -> impl IntoView + use<> {
    let id = format!("{prefix}-slots");
    let rows = answer
        .iter()
        .enumerate()
        .map(|(slot, p)| {
            let marks = match (slot == decision, own == Some(slot)) {
                (true, true) => " (model and you)",
                (true, false) => " (model)",
                (false, true) => " (you)",
                (false, false) => "",
            };
            let unknown = !labels.knows(slot);
            let name = format!("{}{marks}", slot_name(slot));
            view! {
                <div class="lens-bar">
                    <span class:chosen=slot == decision title=unknown.then_some("the model has no such class")>{name} {unknown.then_some(" *")}</span>
                    <meter min="0" max="1" value=p.to_string() aria-label=slot_name(slot)></meter>
                    <span class="number">{percent(*p)}</span>
                </div>
            }
        })
        .collect_view();
    view! { <div class="slots" data-testid=id>{rows}</div> }
}

fn top_view(prefix: &str, response: &Response) -> impl IntoView + use<> {
    let Response::Classified { labels, top, millis, .. } = response else { return ().into_any() };
    let words: Vec<String> = top.iter().map(|it| format!("{} {:.1} %", it.name, 100.0 * it.probability)).collect();
    let of = match labels {
        Labels::ImageNet => "Of the model's own 1000 classes: ",
        Labels::Prompts => "Of the eleven prompts: ",
    };
    let id = format!("{prefix}-top");
    view! { <p class="hint" data-testid=id>{of} {words.join(", ")} ". " {format!("{millis:.0} ms.")}</p> }.into_any()
}

/// How far two of model, person and protocol are apart, where they have an answer.
fn distances(prefix: &str, answer: &[f64; SLOTS], own: Option<usize>, seen: &Seen, of_set: Option<&Item>) -> AnyView {
    let id = format!("{prefix}-distance");
    let of_own = own.map(|own| format!("Model to you: {:.2}.", hellinger(answer, &one_hot(own))));
    let picture = PICTURES.iter().find(|picture| picture.source() == seen.view.source);
    if let Some(item) = of_set {
        let words = match gold_answer(item).filter(|_| seen.view.severity == 0) {
            Some(gold) => {
                format!(
                    "Model to the label of this picture ({}): {:.2}.",
                    gold_in_words(item),
                    hellinger(answer, &gold)
                )
            }
            None => "This picture has no gold label.".to_owned(),
        };
        return view! { <p data-testid=id>"Distance (Hellinger, 0 same, 1 nothing shared). " {of_own} " " {words}</p> }
            .into_any();
    }
    let gold = picture.and_then(|picture| (seen.view.severity == 0 || picture.slot == ABSTAIN).then_some(picture.slot));
    let of_gold = match (picture, gold) {
        (_, Some(gold)) => {
            let words = slot_name(gold);
            format!("Model to the label of this picture ({words}): {:.2}.", hellinger(answer, &one_hot(gold)))
        }
        (Some(_), None) => "A corrupted picture of a class has no gold label: people would have to give it.".to_owned(),
        (None, None) => "Your own picture has no gold label but yours.".to_owned(),
    };
    view! { <p data-testid=id>"Distance (Hellinger, 0 same, 1 nothing shared). " {of_own} " " {of_gold}</p> }.into_any()
}

/// What a judge makes of the picture that was seen: its rate, answer and decision.
fn judged(seen: &Seen, judge: &Judge, threshold: f64) -> Option<(f64, [f64; SLOTS], usize)> {
    let evidence = evidence_of(&seen.response)?;
    let rate = judge.rate(&seen.view.source, &evidence)?;
    Some((rate, judge.answer(&evidence, rate), judge.decide(&evidence, rate, threshold)))
}

/// The answer of one model about the picture.
#[component]
pub fn AnswerPanel(
    /// The model.
    side: Side,
    /// What a person chose on the page.
    choices: Choices,
) -> impl IntoView {
    let (sight, prefix, labels) = (side.sight, side.prefix, side.labels);
    let seen = move || sight.sight.with(|sight| sight.seen.clone());
    let name = move || sight.sight.with(|sight| sight.models.loaded.as_ref().map(|it| it.info.model_name.clone()));
    let found = move || {
        let judge = side.fit.get().alone.ok()?;
        judged(&seen()?, &judge, choices.threshold.get())
    };
    let said = move || {
        if let Err(detail) = side.fit.get().alone {
            return Some(detail);
        }
        found().map(|(rate, _, decision)| match decision {
            ABSTAIN => format!("The model abstains (abstention rate {}).", percent(rate)),
            slot => format!("The model says: {} (abstention rate {}).", slot_name(slot), percent(rate)),
        })
    };
    let basis = move || side.fit.get().alone.ok().map(|judge| judge.basis.clone()).filter(|basis| !basis.is_empty());
    view! {
        <section class="panel stack" aria-label=move || format!("Answer of {}", name().unwrap_or_default())>
            <h2 class="sight-name">{name}</h2>
            <p class="sight-said" role="status" data-testid=format!("{prefix}-said")>{said}</p>
            {move || found().map(|(_, answer, decision)| slot_bars(prefix, labels, &answer, decision, choices.own_answer.get()))}
            {move || basis().map(|basis| view! { <p class="hint" data-testid=format!("{prefix}-basis")>{basis}</p> })}
            {(labels == Labels::ImageNet).then(|| view! {
                <p class="hint">"* ImageNet-1k has no such class, so this model can only abstain there."</p>
            })}
            {move || seen().map(|seen| top_view(prefix, &seen.response))}
            {move || seen().and_then(|seen| {
                let (_, answer, _) = found()?;
                let item = sight.item_of(&seen.view.source);
                Some(distances(prefix, &answer, choices.own_answer.get(), &seen, item.as_ref()))
            })}
        </section>
    }
}

/// How far two models' answers about the same picture are apart.
#[component]
pub fn BetweenModels(
    /// The two.
    sides: [Side; 2],
    /// What a person chose on the page.
    choices: Choices,
) -> impl IntoView {
    let answer = move |side: Side| {
        let judge = side.fit.get().alone.ok()?;
        let seen = side.sight.sight.with(|sight| sight.seen.clone())?;
        judged(&seen, &judge, choices.threshold.get()).map(|(_, answer, _)| (seen.view, answer))
    };
    let words = move || {
        let [(one, p), (other, q)] = [answer(sides[0])?, answer(sides[1])?];
        (one == other).then(|| format!("The two models' answers are {:.2} apart (Hellinger).", hellinger(&p, &q)))
    };
    view! { <p role="status" data-testid="sight-between">{words}</p> }
}

/// How answers are read: the same for every model on the page.
#[component]
pub fn ReadingPanel(
    /// What a person chose on the page.
    choices: Choices,
) -> impl IntoView {
    view! {
        <section class="panel stack" aria-label="How answers are read">
            <div class="form-grid sight-answers">
                <div class="field">
                    <label for="sight-function">"How sure it is, measured by"</label>
                    <select id="sight-function" data-testid="sight-function" on:change=move |event| {
                        if let Some(function) = Abstention::from_id(&event_target_value(&event)) { choices.function.set(function); }
                    }>
                        {Abstention::ALL.into_iter().map(|function| view! {
                            <option value=function.id() selected=move || choices.function.get() == function>{function.name()}</option>
                        }).collect_view()}
                    </select>
                </div>
                <SliderField id="sight-threshold" label="Abstains from an abstention rate of" hint="Moves every decision and figure on this page." range=(0.0, 1.0, 0.01) value=choices.threshold />
                <div class="field">
                    <label for="sight-own">"Your own answer"</label>
                    <select id="sight-own" data-testid="sight-own" on:change=move |event| {
                        choices.own_answer.set(event_target_value(&event).parse().ok());
                    }>
                        <option value="" selected=move || choices.own_answer.get().is_none()>"not given"</option>
                        {(0..SLOTS).map(|slot| view! {
                            <option value=slot.to_string() selected=move || choices.own_answer.get() == Some(slot)>
                                {if slot == ABSTAIN { "I can't tell, or none of them" } else { slot_name(slot) }}
                            </option>
                        }).collect_view()}
                    </select>
                    <span class="hint">"Shown beside the model's; it is not recorded."</span>
                </div>
            </div>
        </section>
    }
}
