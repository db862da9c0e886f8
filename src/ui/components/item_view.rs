//! One item of a run: question, answer, verdict, what was asked and answered, and a person's own verdict.

use leptos::prelude::*;

use super::score_badge::ScoreBadge;
use crate::eval::engine::{Message, OptionScore, Prompt, Request, Response, Role};
use crate::eval::item::Target;
use crate::eval::overrule::{HumanVerdict, verdict_on};
use crate::eval::run::{ItemResult, Run};
use crate::eval::score::Verdict;
use crate::eval::scorers::choice::{Normalization, probabilities};
use crate::eval::task::TaskInfo;
use crate::eval::tasks;
use crate::eval::tasks::token_shift::Shift;
use crate::eval::transcript::transcript;

/// Hears which item a person gave a verdict on; `None` takes it back.
pub type OnVerdict = Callback<(ItemResult, Option<Verdict>)>;

fn target_in_words(result: &ItemResult) -> Option<String> {
    match &result.item.target {
        Target::Choice(index) => result.item.choices.get(*index).map(|text| format!("Right answer: {text}")),
        Target::Text(texts) => Some(format!("Right answer: {}", texts.join(" or "))),
        Target::Abstain => Some("Cannot be known: the right act is to abstain".to_owned()),
        Target::None => None,
    }
}

/// Options with their probability among the options, per token as the tasks compare them.
fn options_view(options: &[OptionScore], names: &[String]) -> AnyView {
    let name = |index: usize| names.get(index).cloned().unwrap_or_else(|| format!("Option {}", index + 1));
    let texts: Vec<String> = (0..options.len()).map(name).collect();
    let shares = probabilities(options, &texts, Normalization::PerToken).unwrap_or_default();
    let rows = options.iter().zip(&texts).enumerate().map(|(index, (option, text))| {
        let share = shares.get(index).map(|share| format!("{:.1} %", 100.0 * share));
        view! {
            <tr>
                <td>{text.clone()}</td>
                <td class="number">{share}</td>
                <td class="number">{format!("{:.3}", option.logprob)}</td>
                <td class="number">{option.n_tokens}</td>
                <td class="number">{format!("{:.3}", option.logprob_per_token())}</td>
            </tr>
        }
    });
    view! {
        <div class="scroll-x"><table>
            <thead><tr><th scope="col">"Option"</th><th scope="col" class="number">"Share"</th><th scope="col" class="number">"Log-probability"</th><th scope="col" class="number">"Tokens"</th><th scope="col" class="number">"Per token"</th></tr></thead>
            <tbody>{rows.collect_view()}</tbody>
        </table></div>
    }
    .into_any()
}

fn response_view(response: &Response, names: &[String]) -> AnyView {
    match response {
        Response::Choice { options, .. } => options_view(options, names),
        Response::Text { text, .. } => view! { <p class="said-raw">{text.clone()}</p> }.into_any(),
        Response::Forced { tokens, .. } => view! { <p>{tokens.len()} " tokens scored"</p> }.into_any(),
        Response::Compared { tokens, .. } => {
            let marked = tokens.iter().map(|token| {
                let shift = Shift::of_rank(token.other_rank).label();
                // Nothing differs where one model reads another's words after one prompt.
                let title = if token.kl == 0.0 {
                    format!("{shift}: place {} for this model, {:.2} nats", token.other_rank, -token.other_logprob)
                } else {
                    format!("{shift}: place {} without the instruction, KL {:.2} nats", token.other_rank, token.kl)
                };
                view! { <span class=format!("token {shift}") title=title>{token.text.clone()}</span> }
            });
            view! { <p class="said-raw" data-testid="token-shift">{marked.collect_view()}</p> }.into_any()
        }
        Response::Features { n_tokens, states, .. } => {
            let width = states.first().map_or(0, |state| state.vector.len());
            let pooled = if *n_tokens == 1 { "1 token".to_owned() } else { format!("{n_tokens} tokens") };
            view! { <p>{format!("{pooled}, {} layers of {width} numbers", states.len())}</p> }.into_any()
        }
        Response::Next { top, .. } => {
            let words: Vec<String> = top
                .iter()
                .take(7)
                .map(|(it, _)| format!("{:?} {:.1} %", it.text, libm::exp(it.logprob) * 100.0))
                .collect();
            view! { <p>{words.join(", ")}</p> }.into_any()
        }
        Response::Classified { top, .. } => {
            let words: Vec<String> =
                top.iter().map(|it| format!("{} {:.1} %", it.name, it.probability * 100.0)).collect();
            view! { <p>{words.join(", ")}</p> }.into_any()
        }
    }
}

fn prompt_view(prompt: &Prompt) -> AnyView {
    let role = |message: &Message| match message.role {
        Role::System => "system: ",
        Role::User => "user: ",
        Role::Assistant => "model: ",
    };
    match prompt {
        Prompt::Chat(messages) => {
            let turns = messages.iter().map(|message| {
                view! { <p class="said-raw"><b>{role(message)}</b>{message.content.clone()}</p> }
            });
            turns.collect_view().into_any()
        }
        Prompt::Raw(text) | Prompt::Text(text) => view! { <p class="said-raw">{text.clone()}</p> }.into_any(),
        Prompt::Tokens(ids) => view! { <p>{ids.len()} " tokens"</p> }.into_any(),
    }
}

fn turn_view(request: &Request, response: &Response) -> AnyView {
    if let Request::Features { prompt, text, .. } = request {
        let read = view! { <p class="said-raw">{text.clone()}</p> };
        return view! { <li>{prompt_view(prompt)} {read} {response_view(response, &[])}</li> }.into_any();
    }
    let (prompt, names) = match request {
        Request::Steered { request, .. } => return turn_view(request, response),
        Request::Choose { prompt, options } => (prompt, options.clone()),
        Request::Generate { prompt, .. }
        | Request::Forced { prompt, .. }
        | Request::Next { prompt, .. }
        | Request::Features { prompt, .. }
        | Request::Compare { prompt, .. } => (prompt, Vec::new()),
        Request::Classify { view, .. } => {
            let asked = format!("{}, {} {}", view.source, view.operation.name(), view.severity);
            return view! { <li><p>{asked}</p> {response_view(response, &[])}</li> }.into_any();
        }
    };
    view! { <li>{prompt_view(prompt)} {response_view(response, &names)}</li> }.into_any()
}

/// A person's verdict beside the automatic one.
fn verdict_view(
    result: &ItemResult,
    info: Option<&'static TaskInfo>,
    said: Signal<Option<Verdict>>,
    on_verdict: OnVerdict,
) -> AnyView {
    let label = move |verdict: Verdict| info.map_or(verdict.label(), |info| info.verdict_label(verdict));
    let id = format!("verdict-{}", result.item.id);
    let judged = result.clone();
    let choose = move |event| {
        let typed = event_target_value(&event);
        let verdict = Verdict::ALL.into_iter().find(|verdict| verdict.label() == typed);
        on_verdict.run((judged.clone(), verdict));
    };
    let options = Verdict::ALL.into_iter().filter(|verdict| *verdict != Verdict::Error).map(|verdict| {
        view! { <option value=verdict.label() selected=move || said.get() == Some(verdict)>{label(verdict)}</option> }
    });
    view! {
        <div class="row">
            <label for=id.clone()>"Your own verdict"</label>
            <select id=id data-testid="own-verdict" on:change=choose>
                <option value="" selected=move || said.get().is_none()>"none"</option>
                {options.collect_view()}
            </select>
        </div>
    }
    .into_any()
}

/// One item of a run.
#[component]
pub fn ItemView(
    /// Its result.
    result: ItemResult,
    /// Its run; with it, what was asked can be shown.
    #[prop(into)]
    run: Option<Run>,
    /// What the person said about items.
    #[prop(optional, into)]
    verdicts: Signal<Vec<HumanVerdict>>,
    /// Where a person's verdict goes; without it none can be given.
    #[prop(optional, into)]
    on_verdict: Option<OnVerdict>,
) -> impl IntoView {
    let info = run.as_ref().and_then(|run| tasks::find(&run.task_id)).map(|entry| entry.info);
    let label = move |verdict: Verdict| info.map_or(verdict.label(), |info| info.verdict_label(verdict));
    let badge = move |verdict: Verdict| view! { <ScoreBadge verdict=verdict label=label(verdict) /> };
    let value = result.score.value.map(|value| format!(" ({value:.2})"));
    let judged = result.clone();
    let said =
        Signal::derive(move || verdicts.with(|verdicts| verdict_on(verdicts, &judged).and_then(|it| it.verdict)));
    let own = move || said.get().map(|verdict| view! { <span>"you: "</span> {badge(verdict)} });
    let names = result.item.choices.clone();
    let of_verdict = on_verdict.map(|act| verdict_view(&result, info, said, act));
    let shown = result.clone();
    // Opened items alone are drawn in full: a run can have many thousand turns.
    let open = RwSignal::new(false);
    let turns = move || {
        open.get().then(|| {
            let turns = run.as_ref().map(|run| transcript(run, &shown)).unwrap_or_default();
            if turns.is_empty() {
                let plain = shown.responses.iter().map(|response| response_view(response, &names));
                return plain.collect_view().into_any();
            }
            let listed = turns.iter().map(|(request, response)| turn_view(request, response));
            view! { <ol class="turns" data-testid="turns">{listed.collect_view()}</ol> }.into_any()
        })
    };
    view! {
        <li data-testid="item" data-item=result.item.id.clone()>
            <div class="question">{result.item.prompt.clone()}</div>
            <div class="row">{result.shown_verdict().map(badge)} {own} <span class="answer">{result.score.answer.clone()} {value}</span></div>
            <details on:toggle=move |_| open.set(true)>
                <summary>"Why"</summary>
                <p>{result.score.explanation.clone()}</p>
                {target_in_words(&result).map(|words| view! { <p>{words}</p> })}
                {(!result.item.note.is_empty()).then(|| view! { <p class="answer">{result.item.note.clone()}</p> })}
                {of_verdict}
                {turns}
            </details>
        </li>
    }
}
