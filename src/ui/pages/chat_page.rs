//! Talk to the model, and look under each word.

use leptos::html;
use leptos::prelude::*;

use super::models_page::NeedsModel;
use crate::app::chat::{Chat, Turn, Word, words};
use crate::app::models::Models;
use crate::eval::engine::{Finish, Role, Sampling, TokenStep};
use crate::ui::Heading;
use crate::ui::components::field::{NumberField, SliderField};
use crate::ui::state::use_state;

/// Most new tokens of an answer.
const LIMIT: u32 = 256;

fn percent(logprob: f64) -> f64 {
    libm::exp(logprob) * 100.0
}

fn visible(text: &str) -> String {
    if text.is_empty() {
        "(part of a character)".to_owned()
    } else if text.trim().is_empty() {
        text.chars().map(|c| if c == '\n' { '⏎' } else { '␣' }).collect()
    } else {
        text.trim().to_owned()
    }
}

fn step_view(step: &TokenStep) -> impl IntoView + use<> {
    let chosen = step.id;
    let mut rows: Vec<(String, f64, bool)> =
        step.top.iter().map(|other| (visible(&other.text), other.logprob, other.id == chosen)).collect();
    if !rows.iter().any(|(_, _, is_chosen)| *is_chosen) {
        rows.push((visible(&step.text), step.logprob, true));
    }
    rows.into_iter()
        .map(|(text, logprob, is_chosen)| {
            let share = percent(logprob);
            view! {
                <div class="lens-bar">
                    <span class:chosen=is_chosen>{text} {is_chosen.then_some(" (chosen)")}</span>
                    <meter min="0" max="100" value=share aria-hidden="true"></meter>
                    <span>{format!("{share:.1} %")}</span>
                </div>
            }
        })
        .collect_view()
}

fn finish_in_words(finish: Finish) -> Option<&'static str> {
    match finish {
        Finish::EndOfTurn | Finish::Stop => None,
        Finish::Limit => Some("It stopped at the length limit."),
        Finish::ContextFull => Some("It stopped because its context is full."),
        Finish::Cancelled => Some("You stopped it."),
        Finish::Interrupted => Some("It was cut off; ask again to go on."),
    }
}

/// One turn; `at` names it among the turns.
fn turn_view(at: usize, turn: &Turn, open: RwSignal<Option<(usize, usize)>>) -> impl IntoView + use<> {
    let is_model = turn.role == Role::Assistant;
    let said = if turn.steps.is_empty() {
        view! { <div class="said">{turn.text.clone()}</div> }.into_any()
    } else {
        let word_list = words(&turn.steps);
        let shown = word_list.clone();
        let button = move |word: Word| {
            // The blank before a word stands outside of its button, so that lines begin with a letter.
            let text = word.text();
            let shown = text.strip_prefix(' ').filter(|rest| !rest.is_empty()).unwrap_or(&text);
            let blank = (shown.len() < text.len()).then_some(" ");
            let start = word.start;
            let is_open = move || open.get() == Some((at, start));
            let share = word.probability() * 100.0;
            view! {
                {blank}
                <button
                    type="button"
                    class=format!("word p{}", word.class())
                    data-testid="word"
                    title=format!("{share:.1} %")
                    aria-expanded=move || is_open().to_string()
                    on:click=move |_| open.update(|now| *now = if *now == Some((at, start)) { None } else { Some((at, start)) })
                >{shown.to_owned()}</button>
            }
        };
        view! {
            <div class="said">{word_list.into_iter().map(button).collect_view()}</div>
            {move || open.get().filter(|(turn, _)| *turn == at).and_then(|(_, start)| shown.iter().find(|word| word.start == start).cloned()).map(|word| view! {
                <div class="lens" data-testid="lens" role="status">
                    <p><strong>{visible(&word.text())}</strong> {format!(": probability {:.1} % given everything before it", word.probability() * 100.0)}</p>
                    {word.steps.iter().map(step_view).collect_view()}
                </div>
            })}
        }
        .into_any()
    };
    let rate = turn
        .millis
        .filter(|millis| *millis > 0.0)
        .map(|millis| format!("{} tokens, {:.1} a second. ", turn.steps.len(), turn.steps.len() as f64 / millis * 1e3));
    view! {
        <li class=if is_model { "turn assistant" } else { "turn user" } data-testid=if is_model { "answer" } else { "question" }>
            <div class="who">{if is_model { "Model" } else { "You" }}</div>
            {said}
            <div class="who">{rate} {turn.finish.filter(|_| is_model).and_then(finish_in_words)}</div>
        </li>
    }
}

/// Talk to the model.
#[component]
pub fn ChatPage() -> impl IntoView {
    let state = use_state();
    let temperature = RwSignal::new(0.0_f64);
    let top_p = RwSignal::new(1.0_f64);
    let seed = RwSignal::new(1_u64);
    let open = RwSignal::new(None);
    let input = NodeRef::<html::Textarea>::new();
    let busy = move || state.chat.get().command.is_some();
    let ready = move || state.models.get().loaded.is_some();
    let is_base = move || state.models.with(Models::loaded_is_base);
    let ask = move || {
        let Some(area) = input.get_untracked() else { return };
        let text = area.value().trim().to_owned();
        if text.is_empty()
            || state.chat.get_untracked().command.is_some()
            || state.models.get_untracked().loaded.is_none()
        {
            return;
        }
        area.set_value("");
        let sampling = Sampling {
            temperature: temperature.get_untracked() as f32,
            top_p: top_p.get_untracked() as f32,
            ..Sampling::GREEDY
        };
        state.ask(text, sampling, seed.get_untracked(), LIMIT);
    };
    let n_turns = Memo::new(move |_| state.chat.get().turns.len());
    let status = Memo::new(move |_| {
        let chat = state.chat.get();
        match (chat.command, chat.prefill) {
            (Some(_), Some((done, total))) => format!("Reading {done} of {total} tokens"),
            (Some(_), None) => "Answering".to_owned(),
            (None, _) if chat.turns.is_empty() => String::new(),
            (None, _) => "Finished".to_owned(),
        }
    });
    view! {
        <Heading text="Talk to a model" />
        <NeedsModel what="a conversation" />
        {move || is_base().then(|| view! {
            <p data-testid="base-model">"This file has no chat template, as base models have none: it goes on with your text, so begin one."</p>
        })}
        <div class="columns">
            <section class="stack">
                <p class="key-line" aria-label="Color key">
                    "Underline: " <span class="word">"90 % and more: none"</span> <span class="word p1">"50–90 %"</span>
                    <span class="word p2">"20–50 %"</span> <span class="word p3">"5–20 %"</span> <span class="word p4">"under 5 %"</span>
                </p>
                <ol class="chat-log" data-testid="chat-log">
                    {move || (0..n_turns.get()).map(|at| {
                        let turn = Memo::new(move |_| state.chat.get().turns.get(at).cloned());
                        move || turn.get().map(|turn| turn_view(at, &turn, open))
                    }).collect_view()}
                </ol>
                <p class="hint" role="status" aria-live="polite" data-testid="chat-status">{move || status.get()}</p>
                <div class="field">
                    <label for="chat-input">{move || if is_base() { "Your text" } else { "Your message" }}</label>
                    <textarea id="chat-input" data-testid="chat-input" rows="3" node_ref=input on:keydown=move |event| {
                        if event.key() == "Enter" && !event.shift_key() && !event.is_composing() {
                            event.prevent_default();
                            ask();
                        }
                    }></textarea>
                    <span class="hint">"Enter sends, Shift+Enter begins a new line."</span>
                </div>
                <div class="row">
                    <button type="button" class="primary" data-testid="chat-send" disabled=move || busy() || !ready() on:click=move |_| ask()>"Send"</button>
                    <button type="button" data-testid="chat-stop" disabled=move || !busy() on:click=move |_| state.stop_chat()>"Stop"</button>
                    <button type="button" class="quiet" data-testid="chat-clear" disabled=busy on:click=move |_| { open.set(None); state.chat.set(Chat::default()); }>
                        "New conversation"
                    </button>
                </div>
            </section>
            <aside class="panel stack" aria-label="Sampling">
                <SliderField id="temperature" label="Temperature" hint="0 always takes the most probable token." range=(0.0, 2.0, 0.05) value=temperature />
                <SliderField id="top-p" label="Top-p" hint="Keeps the most probable tokens up to this share." range=(0.05, 1.0, 0.05) value=top_p />
                <NumberField id="seed" label="Seed" hint="The same seed gives the same answer on this device." range=(0, u64::MAX >> 11) value=seed />
            </aside>
        </div>
    }
}
