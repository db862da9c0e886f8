//! One item of a run: question, answer, verdict, and the responses behind it.

use leptos::prelude::*;

use super::score_badge::ScoreBadge;
use crate::eval::engine::Response;
use crate::eval::item::Target;
use crate::eval::run::ItemResult;
use crate::eval::tasks::token_shift::Shift;

fn target_in_words(result: &ItemResult) -> Option<String> {
    match &result.item.target {
        Target::Choice(index) => result.item.choices.get(*index).map(|text| format!("Right answer: {text}")),
        Target::Text(texts) => Some(format!("Right answer: {}", texts.join(" or "))),
        Target::Abstain => Some("Cannot be known: the right act is to abstain".to_owned()),
        Target::None => None,
    }
}

fn response_view(response: &Response, names: &[String]) -> AnyView {
    match response {
        Response::Choice { options, .. } => {
            let rows = options.iter().enumerate().map(|(index, option)| {
                let name = names.get(index).cloned().unwrap_or_else(|| format!("Option {}", index + 1));
                view! {
                    <tr>
                        <td>{name}</td>
                        <td class="number">{format!("{:.3}", option.logprob)}</td>
                        <td class="number">{option.n_tokens}</td>
                        <td class="number">{format!("{:.3}", option.logprob_per_token())}</td>
                    </tr>
                }
            });
            view! {
                <div class="scroll-x"><table>
                    <thead><tr><th scope="col">"Option"</th><th scope="col" class="number">"Log-probability"</th><th scope="col" class="number">"Tokens"</th><th scope="col" class="number">"Per token"</th></tr></thead>
                    <tbody>{rows.collect_view()}</tbody>
                </table></div>
            }
            .into_any()
        }
        Response::Text { text, .. } => view! { <p class="said-raw">{text.clone()}</p> }.into_any(),
        Response::Forced { tokens, .. } => view! { <p>{tokens.len()} " tokens scored"</p> }.into_any(),
        Response::Compared { tokens, .. } => {
            let marked = tokens.iter().map(|token| {
                let shift = Shift::of_rank(token.other_rank).label();
                let title =
                    format!("{shift}: place {} without the instruction, KL {:.2} nats", token.other_rank, token.kl);
                view! { <span class=format!("token {shift}") title=title>{token.text.clone()}</span> }
            });
            view! { <p class="said-raw" data-testid="token-shift">{marked.collect_view()}</p> }.into_any()
        }
        Response::Next { top, .. } => {
            let words: Vec<String> = top
                .iter()
                .take(7)
                .map(|(it, _)| format!("{:?} {:.1} %", it.text, libm::exp(it.logprob) * 100.0))
                .collect();
            view! { <p>{words.join(", ")}</p> }.into_any()
        }
    }
}

/// One item of a run.
#[component]
pub fn ItemView(
    /// Its result.
    result: ItemResult,
) -> impl IntoView {
    let names = result.item.choices.clone();
    let value = result.score.value.map(|value| format!(" ({value:.2})"));
    view! {
        <li data-testid="item" data-item=result.item.id.clone()>
            <div class="question">{result.item.prompt.clone()}</div>
            <div class="row">{result.shown_verdict().map(|verdict| view! { <ScoreBadge verdict=verdict /> })} <span class="answer">{result.score.answer.clone()} {value}</span></div>
            <details>
                <summary>"Why"</summary>
                <p>{result.score.explanation.clone()}</p>
                {target_in_words(&result).map(|words| view! { <p>{words}</p> })}
                {(!result.item.note.is_empty()).then(|| view! { <p class="answer">{result.item.note.clone()}</p> })}
                {result.responses.iter().map(|response| response_view(response, &names)).collect_view()}
            </details>
        </li>
    }
}
