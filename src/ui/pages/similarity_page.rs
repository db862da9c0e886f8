//! Similarity: choose words and a measure, let the model work, and set what comes out beside people, a file or another
//! run.

use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_router::hooks::use_query_map;
use wasm_bindgen::JsCast;

use super::models_page::{LoadProgress, NeedsModel};
use super::run_page::{status_in_words, time_left};
use super::similarity_view::SimilarityView;
use crate::app::bytes_in_words;
use crate::eval::engine::{Pool, Sampling};
use crate::eval::item::Item;
use crate::eval::run::{Method, PromptFormat, Run, RunStatus, Settings};
use crate::eval::runner::sha256_hex;
use crate::eval::stimuli::{self, Imported, Reference, StimulusSet, sets_from_json};
use crate::eval::tasks::hidden_states::{embedding_items, word_items};
use crate::eval::tasks::odd_one_out::{random_triplets, triplet_item};
use crate::eval::tasks::pair_rating::{N_WORDINGS, pair_items, with_wordings};
use crate::protocol::NoticeKind;
use crate::report::representation::reference_of_study;
use crate::store::{Collection, Record};
use crate::study::judgment::Judgment;
use crate::study::session::SessionRecord;
use crate::study::study::Study;
use crate::ui::Heading;
use crate::ui::components::counts::Counts;
use crate::ui::components::field::NumberField;
use crate::ui::components::progress_bar::ProgressBar;
use crate::ui::sight_state::{SightState, use_encoder};
use crate::ui::state::{State, use_state};

/// Where the site's own sets are.
pub(super) const SETS_PATH: &str = "stimuli/words.json";
/// Size of the encoder's file in bytes, for the button that loads it.
const ENCODER_BYTES: u64 = 45_972_344;
/// Most words whose hidden states a browser keeps: every layer of each is about a hundred kilobytes.
const MOST_STATES: usize = 150;
/// Tokens of a written rating: room for a number and a word before it.
const WRITTEN_LIMIT: u32 = 8;
/// Tasks whose runs have similarities.
pub(super) const TASKS: [&str; 3] = ["pair_rating", "hidden_states", "odd_one_out"];
/// The choice of typing one's own words.
const OWN: &str = "own";

/// What is asked of the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ask {
    Ratings,
    States,
    Embeddings,
    Triplets,
}

impl Ask {
    const ALL: [Self; 4] = [Self::Ratings, Self::States, Self::Embeddings, Self::Triplets];

    fn task_id(self) -> &'static str {
        match self {
            Self::Ratings => TASKS[0],
            Self::States | Self::Embeddings => TASKS[1],
            Self::Triplets => TASKS[2],
        }
    }

    /// Value of the choice in the form.
    fn id(self) -> &'static str {
        if self == Self::Embeddings { "embeddings" } else { self.task_id() }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Ratings => "Ratings of pairs, 1 to 7",
            Self::States => "Hidden states at every layer",
            Self::Embeddings => "Sentence embeddings (all-MiniLM-L6-v2)",
            Self::Triplets => "Odd one out of three",
        }
    }
}

/// What the form says.
#[derive(Clone, Copy)]
struct Form {
    ask: RwSignal<Ask>,
    both_orders: RwSignal<bool>,
    wordings: RwSignal<bool>,
    written: RwSignal<bool>,
    few_shot: RwSignal<bool>,
    last_token: RwSignal<bool>,
    n_triplets: RwSignal<u64>,
    seed: RwSignal<u64>,
}

impl Form {
    /// The items of a run over a set; a reference's own triplets are asked with people's answers as targets.
    fn items(self, set: &StimulusSet, reference: Option<&Reference>) -> Vec<Item> {
        match self.ask.get_untracked() {
            Ask::Ratings => {
                let items = pair_items(&set.pairs(), self.both_orders.get_untracked());
                if self.wordings.get_untracked() { with_wordings(items) } else { items }
            }
            Ask::States => {
                word_items(&set.words, if self.last_token.get_untracked() { Pool::Last } else { Pool::Mean })
            }
            Ask::Embeddings => embedding_items(&set.words),
            Ask::Triplets => {
                let most = self.n_triplets.get_untracked() as usize;
                let judged = reference.map(|it| it.triplets.as_slice()).unwrap_or_default();
                let own = judged.iter().map(|&triplet| (triplet, Some(2)));
                let fresh = random_triplets(set.words.len(), most, self.seed.get_untracked());
                let drawn = fresh.into_iter().map(|triplet| (triplet, None));
                let mut seen = std::collections::BTreeSet::new();
                let all: Vec<([usize; 3], Option<usize>)> =
                    if judged.is_empty() { drawn.collect() } else { own.take(most).collect() };
                all.into_iter()
                    .filter_map(|(triplet, odd)| {
                        let [a, b, c] = triplet.map(|it| set.words.get(it).map(String::as_str));
                        Some(triplet_item([a?, b?, c?], odd))
                    })
                    .filter(|item| seen.insert(item.id.clone()))
                    .collect()
            }
        }
    }

    fn settings(self) -> Settings {
        let usual = Settings::default();
        let written = self.written.get_untracked() && self.ask.get_untracked() == Ask::Ratings;
        let drawn = Settings {
            method: Method::Generate,
            sampling: Sampling { temperature: 1.0, ..usual.sampling },
            limit: WRITTEN_LIMIT,
            ..usual.clone()
        };
        Settings {
            seed: self.seed.get_untracked(),
            format: if self.few_shot.get_untracked() { PromptFormat::FewShot } else { PromptFormat::Chat },
            ..if written { drawn } else { usual }
        }
    }
}

/// People's sessions of studies with similarities as references, people and simulations apart.
async fn study_references(state: State) -> Vec<Reference> {
    let studies: Vec<Study> = state.list(Collection::Studies, None).await;
    let sessions: Vec<SessionRecord> = state.list(Collection::Sessions, None).await;
    let mut found = Vec::new();
    for study in studies {
        let textual = study.stimuli.iter().all(|stimulus| stimulus.image.is_none());
        if !textual || !study.design.is_about_similarity() {
            continue;
        }
        let hash = study.hash();
        for simulated in [false, true] {
            let mut judgments: Vec<Vec<Judgment>> = Vec::new();
            for session in sessions.iter().filter(|it| it.study_sha256 == hash && it.simulated == simulated) {
                judgments.push(state.list(Collection::Judgments, Some(&session.id)).await);
            }
            found.extend(reference_of_study(&study, &judgments));
        }
    }
    found
}

/// Everything that a run can be set beside, but for other runs.
async fn references(state: State) -> Vec<Reference> {
    let mut all = study_references(state).await;
    let mut imported: Vec<Reference> = state.list(Collection::References, None).await;
    imported.reverse();
    all.extend(imported);
    all
}

/// The words that the form means, and the reference that they came from.
fn chosen_set(
    chosen: &str,
    own: &str,
    sets: &[StimulusSet],
    references: &[Reference],
) -> Result<(StimulusSet, Option<Reference>), String> {
    if chosen == OWN {
        return match stimuli::import(own, OWN, "My words") {
            Ok(Imported::Words(set)) => Ok((set, None)),
            Ok(Imported::Reference(_)) => Err("These look like similarities; open them as a file instead.".to_owned()),
            Err(error) => Err(error.to_string()),
        };
    }
    if let Some(id) = chosen.strip_prefix("ref:") {
        let found = references.iter().find(|it| it.id == id).ok_or("This file is not here any more.")?;
        return Ok((found.stimuli(), Some(found.clone())));
    }
    let found = sets.iter().find(|it| it.id == chosen).ok_or("Choose a set of words.")?;
    Ok((found.clone(), None))
}

/// Reads a picked file: words go into the text field, similarities into the store.
async fn take_file(
    state: State,
    file: web_sys::File,
    own: RwSignal<String>,
    chosen: RwSignal<String>,
    said: RwSignal<String>,
) {
    if file.size() > stimuli::MAX_BYTES as f64 {
        return state.notify(NoticeKind::BadItems, "the file is too big".to_owned());
    }
    let name = file.name();
    let text = match gloo::file::futures::read_as_text(&file.into()).await {
        Ok(text) => text,
        Err(error) => return state.notify(NoticeKind::BadItems, error.to_string()),
    };
    match stimuli::import(&text, &sha256_hex(&text), &name) {
        Ok(Imported::Words(set)) => {
            own.set(set.words.join("\n"));
            chosen.set(OWN.to_owned());
            said.set(format!("{} words from {name}.", set.words.len()));
        }
        Ok(Imported::Reference(reference)) => {
            let record = Record::new(Collection::References, &reference.id, "", &reference);
            if state.save(&[record]).await {
                chosen.set(format!("ref:{}", reference.id));
                said.set(format!("{name}: {} It stays in this browser until you erase it.", reference.notes.join(" ")));
            }
        }
        Err(error) => state.notify(NoticeKind::BadItems, format!("{name}: {error}")),
    }
}

/// Loads the encoder of sentences, which is another model than the one that talks.
#[component]
fn NeedsEncoder(encoder: SightState) -> impl IntoView {
    let models = Signal::derive(move || encoder.sight.with(|it| it.models.clone()));
    let idle = move || models.with(|it| it.loaded.is_none() && it.loading.is_none());
    view! {
        <LoadProgress models=models on_cancel=Callback::new(move |()| encoder.cancel_load()) />
        {move || models.with(|it| it.loaded.clone()).map(|loaded| view! {
            <p class="device-line cpu" data-testid="encoder-loaded">
                {loaded.info.model_name.clone()} " is ready on the processor, " {bytes_in_words(loaded.heap_bytes)} " of memory."
            </p>
        })}
        <Show when=idle>
            <section class="panel" data-testid="needs-encoder">
                <p>"Embeddings come from an encoder of sentences that runs in this browser beside any other model."</p>
                <button type="button" class="primary" data-testid="encoder-load" on:click=move |_| encoder.load(None)>
                    {format!("Load all-MiniLM-L6-v2 ({})", bytes_in_words(ENCODER_BYTES))}
                </button>
            </section>
        </Show>
    }
}

/// The page.
#[component]
pub fn SimilarityPage() -> impl IntoView {
    let state = use_state();
    let query = use_query_map();
    let sets: RwSignal<Vec<StimulusSet>> = RwSignal::default();
    spawn_local(async move {
        let read = match state.fetch_text(SETS_PATH).await {
            Ok(text) => sets_from_json(&text).map_err(|error| error.to_string()),
            Err(detail) => Err(detail),
        };
        match read {
            Ok(found) => {
                sets.try_set(found);
            }
            Err(detail) => state.notify(NoticeKind::BadItems, detail),
        }
    });
    let known = LocalResource::new(move || {
        state.records_version.get();
        references(state)
    });
    let runs = LocalResource::new(move || {
        state.records_version.get();
        async move {
            let mut runs: Vec<Run> = state.list(Collection::Runs, None).await;
            runs.retain(|run| TASKS.contains(&run.task_id.as_str()) && run.status == RunStatus::Complete);
            runs.reverse();
            runs
        }
    });
    let (chosen, own, said) =
        (RwSignal::new("animals".to_owned()), RwSignal::new(String::new()), RwSignal::new(String::new()));
    let form = Form {
        ask: RwSignal::new(Ask::Ratings),
        both_orders: RwSignal::new(false),
        wordings: RwSignal::new(false),
        written: RwSignal::new(false),
        few_shot: RwSignal::new(false),
        last_token: RwSignal::new(false),
        n_triplets: RwSignal::new(100),
        seed: RwSignal::new(1),
    };
    let open_run: RwSignal<Option<String>> = RwSignal::new(query.with_untracked(|query| query.get("run")));
    let set = Memo::new(move |_| {
        let references = known.get().unwrap_or_default();
        sets.with(|sets| chosen_set(&chosen.get(), &own.get(), sets, &references))
    });
    let encoder = use_encoder();
    let embeds = move || form.ask.get() == Ask::Embeddings;
    let busy = move || {
        state.runs.with(|runs| runs.command().is_some()) || encoder.sight.with(|it| it.runs.command().is_some())
    };
    let ready = move || {
        if embeds() { encoder.sight.with(|it| it.models.loaded.is_some()) } else { state.models.get().loaded.is_some() }
    };
    let cost = move || match set.get() {
        Err(_) if chosen.get() == OWN && own.with(|own| own.trim().is_empty()) => {
            "Type at least three words.".to_owned()
        }
        Err(detail) => detail,
        Ok((set, reference)) => {
            let n = set.words.len();
            let (n_pairs, n_triplets) = (set.pairs().len(), form.n_triplets.get() as usize);
            match form.ask.get() {
                Ask::Ratings if form.written.get() => {
                    format!("{n} words: {n_pairs} pairs to rate, each by one written answer.")
                }
                Ask::Ratings => {
                    let orders = if form.both_orders.get() { ", each both ways round" } else { "" };
                    let more = if form.wordings.get() { format!(", in {N_WORDINGS} wordings") } else { String::new() };
                    format!("{n} words: {n_pairs} pairs to rate{orders}{more}.")
                }
                Ask::States if n > MOST_STATES => {
                    format!(
                        "{n} words are too many for hidden states here (at most {MOST_STATES}); headless takes more."
                    )
                }
                Ask::States => format!("{n} words to read, every layer at once."),
                Ask::Embeddings if n > MOST_STATES => {
                    format!("{n} words are too many here (at most {MOST_STATES}); headless takes more.")
                }
                Ask::Embeddings => format!("{n} words to embed, each alone; the last layer is the embedding."),
                Ask::Triplets => {
                    let judged = reference.map_or(0, |it| it.triplets.len());
                    let whose = if judged > 0 { ", those that people judged" } else { "" };
                    let most = if judged > 0 { judged } else { random_triplets(n, n_triplets, 1).len() };
                    format!("{n} words: {} triplets{whose}, each in six orders.", most.min(n_triplets))
                }
            }
        }
    };
    let can_start = move || {
        let fits = set.with(|set| {
            set.as_ref().is_ok_and(|(set, _)| {
                !matches!(form.ask.get(), Ask::States | Ask::Embeddings) || set.words.len() <= MOST_STATES
            })
        });
        fits && ready() && !busy()
    };
    let start = move |()| {
        let Ok((set, reference)) = set.get_untracked() else { return };
        if form.ask.get_untracked() == Ask::Embeddings {
            return encoder.run_task(TASKS[1], &form.items(&set, None), form.seed.get_untracked());
        }
        let lines: Result<Vec<String>, _> =
            form.items(&set, reference.as_ref()).iter().map(serde_json::to_string).collect();
        match lines {
            Ok(lines) if lines.is_empty() => {
                state.notify(NoticeKind::BadItems, "there is nothing to ask about these words".to_owned());
            }
            Ok(lines) => {
                state.run(form.ask.get_untracked().task_id().to_owned(), form.settings(), lines.join("\n"), None);
            }
            Err(error) => state.notify(NoticeKind::BadItems, error.to_string()),
        }
    };
    // The run of this page that is going on or has just ended.
    let active = Memo::new(move |_| {
        let own = encoder.sight.with(|it| it.runs.active.clone()).filter(|_| embeds());
        own.or_else(|| {
            state.runs.with(|runs| runs.active.clone().filter(|it| TASKS.contains(&it.run.task_id.as_str())))
        })
    });
    Effect::new(move |earlier: Option<Option<String>>| {
        let ended =
            active.with(|it| it.as_ref().filter(|it| it.run.status == RunStatus::Complete).map(|it| it.run.id.clone()));
        if ended.is_some() && earlier.is_some_and(|earlier| earlier != ended) {
            open_run.set(ended.clone());
        }
        ended
    });
    let progress = Signal::derive(move || {
        active.with(|it| it.as_ref().map_or((0.0, 0.0), |it| (it.results.len() as f64, it.run.n_items as f64)))
    });
    let label = Signal::derive(move || {
        active
            .with(|it| it.as_ref().map_or_else(|| "starting".to_owned(), |it| status_in_words(&it.run.status, busy())))
    });
    let words = Signal::derive(move || {
        let (done, of) = progress.get();
        let left =
            active.with(|it| it.as_ref().and_then(|it| time_left(&it.results, it.run.n_items))).filter(|_| busy());
        format!("{done} of {of}{}", left.map_or_else(String::new, |left| format!(", {left}")))
    });
    let pick = move |event: web_sys::Event| {
        let input = event.target().and_then(|target| target.dyn_into::<web_sys::HtmlInputElement>().ok());
        let Some(file) = input.and_then(|input| input.files()).and_then(|files| files.get(0)) else { return };
        spawn_local(take_file(state, file, own, chosen, said));
    };
    let set_options = move || {
        let current = chosen.get();
        let own_sets =
            sets.get().into_iter().map(|set| (set.id.clone(), format!("{} ({} words)", set.title, set.words.len())));
        let files = known
            .get()
            .unwrap_or_default()
            .into_iter()
            .map(|it| (format!("ref:{}", it.id), format!("{} ({} words)", it.title, it.names.len())));
        let all: Vec<(String, String)> =
            own_sets.chain(files).chain([(OWN.to_owned(), "My own words".to_owned())]).collect();
        all.into_iter()
            .map(|(value, title)| {
                let selected = value == current;
                view! { <option value=value selected=selected>{title}</option> }
            })
            .collect_view()
    };
    let check = |id: &'static str, words: &'static str, value: RwSignal<bool>| {
        view! {
            <label class="row">
                <input type="checkbox" data-testid=id prop:checked=move || value.get() on:change=move |event| value.set(event_target_checked(&event)) />
                {words}
            </label>
        }
    };
    view! {
        <Heading text="Similarity" />
        <p>"How alike are things, to people and to a model? Ask the model to rate pairs, read its hidden states, or let it find the odd one out, and set the result beside people's judgments, a data set or another model."</p>
        <Show when=embeds fallback=|| view! { <NeedsModel what="its side of the comparison" /> }>
            <NeedsEncoder encoder=encoder />
        </Show>
        <form class="panel stack" on:submit=move |event| { event.prevent_default(); start(()); }>
            <h2>"Ask the model"</h2>
            <div class="form-grid">
                <div class="field">
                    <label for="set">"Words"</label>
                    <select id="set" data-testid="set" on:change=move |event| chosen.set(event_target_value(&event))>{set_options}</select>
                </div>
                <div class="field">
                    <label for="ask">"Measure"</label>
                    <select id="ask" data-testid="ask" on:change=move |event| {
                        let value = event_target_value(&event);
                        if let Some(ask) = Ask::ALL.into_iter().find(|it| it.id() == value) { form.ask.set(ask); }
                    }>
                        {Ask::ALL.into_iter().map(|it| view! {
                            <option value=it.id() selected=move || form.ask.get() == it>{it.words()}</option>
                        }).collect_view()}
                    </select>
                </div>
                <div class="field">
                    <label for="similarity-file">"Open words or similarities"</label>
                    <input type="file" id="similarity-file" data-testid="similarity-file" accept=".txt,.csv,.tsv,.json" on:change=pick aria-describedby="similarity-file-hint" />
                </div>
            </div>
            <p class="hint" id="similarity-file-hint">"A list of words; pairs with scores (WordSim-353, SimLex-999); a table of distances; triplets with the odd one last; single raters, rsatoolbox or Meadows as JSON. Files stay in this browser."</p>
            <Show when=move || chosen.get() == OWN>
                <div class="field">
                    <label for="own-words">"My own words, one a line or between commas"</label>
                    <textarea id="own-words" data-testid="own-words" rows="5" prop:value=move || own.get() on:input=move |event| own.set(event_target_value(&event))></textarea>
                </div>
            </Show>
            <details>
                <summary>"More choices"</summary>
                <div class="stack">
                    {check("both-orders", "Rate each pair both ways round (twice the time, takes out the effect of the order)", form.both_orders)}
                    {check("wordings", "Ask in four wordings: how much hangs on the question (about four times as long)", form.wordings)}
                    {check("written", "Let it write each rating, drawn at temperature 1, instead of weighing 1 to 7 by their probabilities", form.written)}
                    {check("similarity-few-shot", "Ask with worked examples instead of the chat template (for base models)", form.few_shot)}
                    {check("last-token", "Hidden states of a word's last token instead of the mean over its tokens", form.last_token)}
                    <div class="form-grid">
                        <NumberField id="n-triplets" label="Triplets" hint="Drawn at random, or the first so many of a file." range=(1, 2000) value=form.n_triplets />
                        <NumberField id="similarity-seed" label="Seed" hint="Of the random triplets." range=(0, u64::MAX >> 11) value=form.seed />
                    </div>
                </div>
            </details>
            <p role="status" data-testid="cost">{cost} {move || { let said = said.get(); (!said.is_empty()).then(|| format!(" {said}")) }}</p>
            <div class="row">
                <button type="submit" class="primary" data-testid="similarity-start" disabled=move || !can_start()>"Start"</button>
                <button type="button" data-testid="similarity-stop" disabled=move || !busy() on:click=move |_| if embeds() { encoder.cancel_run() } else { state.cancel_run() }>"Stop"</button>
            </div>
            <Show when=move || active.with(Option::is_some)>
                <ProgressBar label=label progress=progress words=words />
                {move || view! { <Counts results=active.with(|it| it.as_ref().map(|it| it.results.clone()).unwrap_or_default()) /> }}
            </Show>
        </form>
        {move || view! { <SimilarityView runs=runs.get().unwrap_or_default() references=known.get().unwrap_or_default() open=open_run /> }}
    }
}
