//! Which study an address asks for. Whole studies stand in the part behind the #, which no server sees.

use std::collections::BTreeMap;

use leptos::prelude::*;
use leptos_router::hooks::{use_location, use_query_map};

use super::state::State;
use crate::eval::run::{ItemResult, Run};
use crate::protocol::NoticeKind;
use crate::report::blind_study::study_of_runs;
use crate::store::Collection;
use crate::study::draft::Draft;
use crate::study::study::Study;

/// The study that opens without a choice.
const FIRST_STUDY: &str = "everyday_words";
/// Longest link that is offered; some programs cut longer ones.
const MAX_LINK_CHARS: usize = 30_000;

/// Which study is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// One of `public/studies`.
    Shipped(String),
    /// A whole study, from a link or a file.
    Link(String),
    /// Two stored runs against each other.
    Runs(String, String),
    /// What is being built, only to look at.
    Preview,
}

impl Wanted {
    /// The study.
    pub(crate) async fn study(self, state: State) -> Result<Study, (NoticeKind, String)> {
        let bad = |detail: String| (NoticeKind::BadItems, detail);
        let text = match self {
            Self::Link(text) => text,
            Self::Preview => return state.draft.with_untracked(Draft::study).map_err(|error| bad(error.to_string())),
            Self::Runs(a, b) => return of_runs(state, &a, &b).await,
            Self::Shipped(id) => {
                let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
                if !id.chars().all(plain) {
                    return Err(bad(format!("there is no study {id:?}")));
                }
                let text = state.fetch_text(&format!("studies/{id}.json")).await;
                text.map_err(|detail| (NoticeKind::Network, detail))?
            }
        };
        Study::from_json(&text).map_err(|error| bad(error.to_string()))
    }
}

async fn of_runs(state: State, a: &str, b: &str) -> Result<Study, (NoticeKind, String)> {
    let bad = |detail: String| (NoticeKind::BadItems, detail);
    let mut sides = Vec::new();
    for id in [a, b] {
        let run: Run =
            state.get(Collection::Runs, id).await.ok_or_else(|| bad(format!("there is no stored run {id:?}")))?;
        let mut results: Vec<ItemResult> = state.list(Collection::ItemResults, Some(id)).await;
        results.sort_by_key(|result| result.index);
        sides.push((run, results));
    }
    let [(first, first_results), (second, second_results)] = sides.as_slice() else {
        return Err(bad("two runs are needed".to_owned()));
    };
    study_of_runs((first, first_results), (second, second_results)).map_err(|error| bad(error.to_string()))
}

/// The `name=value` pairs behind the #; unknown names are left alone.
pub(crate) fn fragment(hash: &str) -> BTreeMap<String, String> {
    hash.trim_start_matches('#')
        .split('&')
        .filter_map(|pair| {
            let (name, value) = pair.split_once('=')?;
            Some((name.to_owned(), js_sys::decode_uri_component(value).ok()?.into()))
        })
        .collect()
}

/// What the page's address asks for.
pub(crate) fn use_wanted() -> Memo<Wanted> {
    let query = use_query_map();
    let location = use_location();
    Memo::new(move |_| {
        let fragment = fragment(&location.hash.get());
        if fragment.contains_key("preview") {
            return Wanted::Preview;
        }
        if let Some(text) = fragment.get("study") {
            return Wanted::Link(text.clone());
        }
        let query = query.get();
        match query.get("runs").as_deref().and_then(|runs| runs.split_once(',')) {
            Some((a, b)) => Wanted::Runs(a.to_owned(), b.to_owned()),
            None => Wanted::Shipped(query.get("study").unwrap_or_else(|| FIRST_STUDY.to_owned())),
        }
    })
}

/// A link to a page with the whole study in it, unless it would be too long.
pub(crate) fn link_of(state: State, page: &str, study: &Study) -> Option<String> {
    let json = serde_json::to_string(study).ok()?;
    let page = if page.contains('#') { format!("{page}&") } else { format!("{page}#") };
    let link = format!("{}{page}study={}", state.site_root(), String::from(js_sys::encode_uri_component(&json)));
    (link.len() <= MAX_LINK_CHARS).then_some(link)
}

/// Ids and titles of the studies that come with the site.
pub(crate) async fn shipped(state: State) -> Vec<(String, String)> {
    let index = state.fetch_text("studies/index.json").await.unwrap_or_default();
    let ids: Vec<String> = serde_json::from_str(&index).unwrap_or_default();
    let mut studies = Vec::new();
    for id in ids {
        if let Ok(text) = state.fetch_text(&format!("studies/{id}.json")).await
            && let Ok(study) = Study::from_json(&text)
        {
            studies.push((id, study.title));
        }
    }
    studies
}
