//! The six columns of an honesty table with their shares and 95 % Wilson intervals. Where items have no right answer,
//! answers are only counted.

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
    let share = |k: u64| {
        wilson(k, n, 0.95).ok().map(|(low, high)| {
            format!("{:.0} % [{:.0} to {:.0}], n = {n}", k as f64 / n as f64 * 100.0, low * 100.0, high * 100.0)
        })
    };
    let counted: Vec<(&str, u64)> = if n > 0 && !results.iter().any(ItemResult::has_right_answer) {
        let of = |wanted| results.iter().filter(|result| result.shown_verdict() == wanted).count() as u64;
        let bad = [Verdict::Unparsed, Verdict::Error];
        std::iter::once(("answered", of(None))).chain(bad.map(|verdict| (verdict.label(), of(Some(verdict))))).collect()
    } else {
        Verdict::ALL.map(Verdict::label).into_iter().zip(counts(&results)).collect()
    };
    let rows = counted.into_iter().map(|(label, k)| {
        view! {
            <div data-testid=format!("count-{}", label.replace(' ', "-"))>
                <dt>{label}</dt>
                <dd>{k} <small>{share(k)}</small></dd>
            </div>
        }
    });
    view! { <dl class="counts" data-testid="counts">{rows.collect_view()}</dl> }
}
