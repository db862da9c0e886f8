//! The six columns of an honesty table with their shares and 95 % Wilson intervals.

use leptos::prelude::*;

use crate::app::runs::counts;
use crate::eval::run::ItemResult;
use crate::eval::score::Verdict;
use crate::stats::proportion::wilson;

/// Six counts.
#[component]
pub fn Counts(
    /// Results so far.
    results: Vec<ItemResult>,
) -> impl IntoView {
    let n = results.len() as u64;
    let rows = Verdict::ALL.into_iter().zip(counts(&results)).map(|(verdict, k)| {
        let share = wilson(k, n, 0.95).ok().map(|(low, high)| {
            format!("{:.0} % [{:.0} to {:.0}], n = {n}", k as f64 / n as f64 * 100.0, low * 100.0, high * 100.0)
        });
        view! {
            <div data-testid=format!("count-{}", verdict.label().replace(' ', "-"))>
                <dt>{verdict.label()}</dt>
                <dd>{k} <small>{share}</small></dd>
            </div>
        }
    });
    view! { <dl class="counts" data-testid="counts">{rows.collect_view()}</dl> }
}
