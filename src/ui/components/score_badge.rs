//! A verdict as word and color.

use leptos::prelude::*;

use crate::eval::score::Verdict;

/// A verdict.
#[component]
pub fn ScoreBadge(
    /// The verdict.
    verdict: Verdict,
    /// The task's own word for it.
    label: &'static str,
) -> impl IntoView {
    view! { <span class=format!("badge {}", verdict.label().replace(' ', "-"))>{label}</span> }
}
