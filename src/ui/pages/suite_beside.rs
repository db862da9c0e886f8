//! Two suites on the same items: another model, another seed, another device.

use leptos::prelude::*;
use leptos_router::components::A;
use leptos_router::hooks::use_query_map;

use super::results_page::save_file;
use super::suite_page::{stored_suites, suite_of};
use crate::eval::run::{ItemResult, Run};
use crate::report::export::table_to_csv;
use crate::report::suite_comparison::{SuiteComparison, compare_suites};
use crate::ui::charts::Chart;
use crate::ui::state::use_state;
use crate::ui::to;

fn comparison_view(found: SuiteComparison) -> impl IntoView {
    let state = use_state();
    let table = found.table;
    let save = move |_| save_file(state, "suites.csv", "text/csv", table_to_csv(&table));
    let lines = found.tasks.into_iter().map(|line| {
        let open = to(&format!("/results?run={}&with={}", line.run_ids.0, line.run_ids.1));
        view! {
            <li data-testid="beside-line">
                <b>{line.title}</b> ": " {line.sentence} " "
                <A href=open attr:data-testid="beside-open">"Items"</A>
            </li>
        }
    });
    view! {
        <p class="lede" data-testid="beside-sentence">{found.sentence}</p>
        <Chart figure=found.figure />
        <details open>
            <summary>"Each benchmark in words"</summary>
            <ul class="stack">{lines.collect_view()}</ul>
        </details>
        <button type="button" data-testid="beside-csv" on:click=save>"Save as CSV"</button>
    }
}

/// Another suite beside `first`: the one that the address names as `beside`, else a choice of those in this browser.
#[component]
pub fn Beside<T: Clone + PartialEq + Send + Sync + 'static>(
    /// The runs that the page shows.
    first: Vec<(Run, Vec<ItemResult>)>,
    /// What changes when a task begins or ends.
    moment: Memo<T>,
) -> impl IntoView {
    let state = use_state();
    let query = use_query_map();
    let id = query.with_untracked(|query| query.get("id")).unwrap_or_default();
    let first = StoredValue::new(first);
    let other = Memo::new(move |_| query.with(|query| query.get("beside")));
    let found = LocalResource::new(move || {
        moment.track();
        let other = other.get();
        async move {
            match other {
                Some(other) => suite_of(state, &other).await.map(|(_, runs)| runs),
                None => None,
            }
        }
    });
    let suites = LocalResource::new(move || {
        moment.track();
        stored_suites(state)
    });
    let choice = {
        let id = id.clone();
        move || {
            let suites = suites.get()?;
            let links = suites.into_iter().filter(|(other, _)| *other != id).map(|(other, words)| {
                let address = to(&format!("/suite?id={id}&beside={other}"));
                view! { <li><A href=address attr:data-testid="suite-beside">{words}</A></li> }
            });
            let links = links.collect::<Vec<_>>();
            (!links.is_empty()).then(|| {
                view! { <details><summary>"Set beside another suite"</summary><ul>{links}</ul></details> }
            })
        }
    };
    let alone = to(&format!("/suite?id={id}"));
    let body = move || {
        other.get()?;
        let words = match found.get()? {
            None => "Nothing of the other suite is stored in this browser yet.".to_owned(),
            Some(second) => match first.with_value(|first| compare_suites(first, &second)) {
                Some(comparison) => return Some(comparison_view(comparison).into_any()),
                None => "The two suites have no judged item in common yet.".to_owned(),
            },
        };
        Some(view! { <p role="status" data-testid="beside-none">{words}</p> }.into_any())
    };
    view! {
        {choice}
        <Show when=move || other.with(Option::is_some)>
            <section class="panel stack" data-testid="beside">
                <div class="row">
                    <h2>"Two suites on the same items"</h2>
                    <A href=alone.clone() attr:data-testid="beside-close">"Show this suite alone"</A>
                </div>
                {body}
            </section>
        </Show>
    }
}
