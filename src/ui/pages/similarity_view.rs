//! One run's similarities, alone or beside people, a file or another run. Bootstraps are drawn in the worker of
//! statistics.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::results_page::when;
use super::similarity_page::SETS_PATH;
use crate::eval::run::{ItemResult, Run};
use crate::eval::stimuli::{Reference, sets_from_json};
use crate::eval::tasks;
use crate::platform;
use crate::report::figure::{Figure, Marks};
use crate::report::rating_sweep::{SweepPoint, sweep_figure};
use crate::report::representation::{
    LayerPoint, MEADOWS_FILE, MOST_DRAWN, ModelSide, Pairing, RepresentationError, StateDistance, agreement_notes,
    cka_of, group, group_level, heat_figure, layer_figure, map_figure, meadows_tree, measure_in_words, rsatoolbox_dict,
    scatter_figure, sentence, triplet_figure, triplet_share,
};
use crate::report::resampling::{Job, Resampled};
use crate::stats::bootstrap::RESAMPLES;
use crate::stats::distance::Metric;
use crate::stats::rdm::Rdm;
use crate::stats::rdm_compare::{Measure, compare};
use crate::store::Collection;
use crate::ui::analysis_state::{AnalysisState, use_analysis};
use crate::ui::charts::Chart;
use crate::ui::components::progress_bar::ProgressBar;
use crate::ui::state::{State, use_state};

/// Resamples a layer of a curve.
const LAYER_RESAMPLES: usize = 300;
/// Choices for the chosen layer.
const RESAMPLE_CHOICES: [usize; 3] = [RESAMPLES, 10_000, 50_000];
/// What is compared and how.
#[derive(Debug, Clone, PartialEq)]
struct Options {
    layer: Option<u32>,
    distance: StateDistance,
    measure: Measure,
}

/// What the reference is made of.
#[derive(Debug, Clone, PartialEq)]
enum Beside {
    Reference(Arc<Reference>),
    Run(Arc<ModelSide>),
}

/// What is shown.
#[derive(Debug, Clone, PartialEq, Default)]
struct Found {
    sentence: String,
    more: Vec<String>,
    figures: Vec<Figure>,
    rdms: Vec<(String, Rdm)>,
}

/// The layer at the same share of the depth.
fn same_depth(layer: u32, ours: &ModelSide, theirs: &ModelSide) -> u32 {
    let last = |side: &ModelSide| side.layers().last().copied().unwrap_or(0);
    let share = f64::from(layer) / f64::from(last(ours).max(1));
    if ours.layers().is_empty() { last(theirs) * 2 / 3 } else { libm::round(share * f64::from(last(theirs))) as u32 }
}

fn reference_at(
    beside: &Beside,
    side: &ModelSide,
    layer: u32,
    distance: StateDistance,
) -> Result<Reference, RepresentationError> {
    match beside {
        Beside::Reference(reference) => Ok(reference.as_ref().clone()),
        Beside::Run(other) => other.as_reference(same_depth(layer, side, other), distance),
    }
}

/// A comparison drawn in the worker; `None` if something newer was asked for meanwhile. `go_on` hears how many are
/// drawn and stops by saying no.
async fn drawn(
    analysis: AnalysisState,
    (model, raters): (&Rdm, &[Rdm]),
    (measure, resamples): (Measure, usize),
    alive: &(impl Fn() -> bool + Clone + 'static),
    go_on: impl Fn(usize) -> bool + 'static,
) -> Result<Option<Resampled>, RepresentationError> {
    // What cannot be compared is known before anything is sent.
    for rater in raters {
        compare(model, rater, measure)?;
    }
    let asked = alive.clone();
    let job = Job::new(model, raters, measure, resamples);
    let found = analysis.resample(job, move |done| asked() && go_on(done)).await;
    if !alive() {
        return Ok(None);
    }
    found.map(Some).map_err(|detail| RepresentationError::Worker { detail })
}

/// Pictures of the words that a built-in set has one of, as data addresses: a drawing saved as a file keeps them.
async fn pictures_of(state: State, words: &[String]) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let Ok(text) = state.fetch_text(SETS_PATH).await else { return found };
    let sets = sets_from_json(&text).unwrap_or_default();
    for word in words.iter().take(MOST_DRAWN) {
        let Some(path) = sets.iter().find_map(|set| set.picture(word)) else { continue };
        if let Ok(svg) = state.fetch_text(&path).await {
            found.insert(word.clone(), format!("data:image/svg+xml;base64,{}", BASE64_STANDARD.encode(svg)));
        }
    }
    found
}

/// A map with the pictures that there are; other figures as they are.
fn illustrated(mut figure: Figure, pictures: &BTreeMap<String, String>) -> Figure {
    if let Marks::Map { points } = &mut figure.marks {
        for point in points {
            point.picture = pictures.get(&point.label).cloned();
        }
        if !pictures.is_empty() {
            figure.notes.push("Pictures: Fluent Emoji by Microsoft, MIT license.".to_owned());
        }
    }
    figure
}

/// The model's side alone.
fn alone(side: &ModelSide, options: &Options) -> Result<Found, RepresentationError> {
    let all: Vec<usize> = (0..side.names.len()).collect();
    let layer = options.layer.unwrap_or_else(|| side.usual_layer());
    let rdm = side.rdm(&all, layer, options.distance)?;
    let sources = [side.run_id.clone()];
    let at = if side.layers().is_empty() { String::new() } else { format!(", layer {layer}") };
    let title = format!("{}{at}", side.title);
    let caption = format!("Dissimilarity of {} words to {title}.", side.names.len());
    let heat = heat_figure(&format!("{title}: dissimilarities"), &caption, &[(&title, &rdm)], &side.notes, &sources);
    let map = map_figure(&format!("{title}: map"), &rdm, &side.notes, &sources);
    let missing = rdm.n_missing();
    let mut more = Vec::new();
    if missing > 0 {
        more.push(format!("{missing} of {} pairs have no value.", rdm.values().len()));
    }
    Ok(Found { sentence: caption, more, figures: map.into_iter().chain(heat).collect(), rdms: vec![(title, rdm)] })
}

/// Both sides at one layer.
async fn beside(
    analysis: AnalysisState,
    (side, beside): (&ModelSide, &Beside),
    options: &Options,
    resamples: usize,
    alive: &(impl Fn() -> bool + Clone + 'static),
    go_on: impl Fn(usize) -> bool + 'static,
) -> Result<Option<Found>, RepresentationError> {
    let layer = options.layer.unwrap_or_else(|| side.usual_layer());
    let reference = reference_at(beside, side, layer, options.distance)?;
    let pairing = Pairing::new(side, &reference)?;
    let model = side.rdm(&pairing.model_places, layer, options.distance)?;
    let at = if side.layers().is_empty() { String::new() } else { format!(", layer {layer}") };
    let title = format!("{}{at}", side.title);
    if pairing.raters.is_empty() {
        // Only odd-one-out answers: the figure by layer or the share below says it.
        let share = triplet_share(&model, &pairing.triplets);
        let sentence = share.map_or_else(
            || format!("{} has nothing to say about these words.", reference.title),
            |(right, n)| {
                format!(
                    "{title} leaves out the same one as {} in {:.0} % of {n} triplets; chance is 33 %.",
                    reference.title,
                    100.0 * right / n as f64
                )
            },
        );
        return Ok(Some(Found { sentence, ..alone(side, options)? }));
    }
    let how = (options.measure, resamples);
    let Some(found) = drawn(analysis, (&model, &pairing.raters), how, alive, go_on).await? else { return Ok(None) };
    let agreement = found.agreement;
    let ceiling = pairing.ceiling(options.measure);
    let said = sentence(&title, &reference.title, options.measure, &agreement, ceiling.as_ref());
    let theirs = group(&pairing.raters)?;
    let mut more = vec![found.in_words()];
    if pairing.raters.len() > 1
        && let Ok(level) = group_level(&model, &pairing.raters, options.measure)
    {
        let name = measure_in_words(options.measure);
        let between =
            level.between_raters.map_or_else(String::new, |it| format!(" Two raters agree at {it:.2} on average."));
        more.push(format!("With the mean of all raters: {name} {:.2}.{between}", level.with_mean));
    }
    if let Some((right, n)) = triplet_share(&model, &pairing.triplets) {
        more.push(format!(
            "It leaves out the same one of three in {:.0} % of {n} triplets; chance is 33 %.",
            100.0 * right / n as f64
        ));
    }
    let mut notes = agreement_notes(&agreement, pairing.n_dropped);
    notes.extend(side.notes.iter().chain(&reference.notes).cloned());
    notes.dedup();
    let sources = [side.run_id.clone(), reference.id.clone()];
    let sides = [(reference.title.as_str(), &theirs), (title.as_str(), &model)];
    platform::breathe().await;
    let heat = heat_figure("Dissimilarities side by side", &said, &sides, &[], &sources);
    let scatter = scatter_figure("Pair by pair", &said, sides[0], sides[1], &notes, &sources);
    platform::breathe().await;
    let maps = sides.iter().filter_map(|(title, rdm)| map_figure(&format!("{title}: map"), rdm, &[], &sources));
    let figures = scatter.into_iter().chain(heat).chain(maps).collect();
    let rdms = vec![(reference.title.clone(), theirs), (title, model)];
    Ok(Some(Found { sentence: said, more, figures, rdms }))
}

/// Every layer, one after the other; `tell` hears how many are done.
async fn by_layer(
    analysis: AnalysisState,
    (side, with): (&ModelSide, &Beside),
    options: &Options,
    alive: &(impl Fn() -> bool + Clone + 'static),
    tell: &impl Fn(usize),
) -> Result<Option<Vec<Figure>>, RepresentationError> {
    let mut points = Vec::new();
    let (mut ceiling, mut notes, mut sources, mut title) = (None, Vec::new(), Vec::new(), String::new());
    let mut only_triplets = Vec::new();
    for (done, layer) in side.layers().into_iter().enumerate() {
        let reference = reference_at(with, side, layer, options.distance)?;
        let pairing = Pairing::new(side, &reference)?;
        let model = match side.rdm(&pairing.model_places, layer, options.distance) {
            Ok(model) => model,
            // Without a direction (all words alike at the embeddings of one carrier) a layer has no value.
            Err(RepresentationError::Stat(_)) => continue,
            Err(error) => return Err(error),
        };
        let triplets = triplet_share(&model, &pairing.triplets);
        if pairing.raters.is_empty() {
            only_triplets.push((layer, triplets));
        } else {
            let how = (options.measure, LAYER_RESAMPLES);
            let Some(found) = drawn(analysis, (&model, &pairing.raters), how, alive, |_| true).await? else {
                return Ok(None);
            };
            let agreement = found.agreement;
            let cka = match with {
                Beside::Run(other) => same_words(other, &pairing.names)
                    .and_then(|places| other.rows(&places, same_depth(layer, side, other)))
                    .zip(side.rows(&pairing.model_places, layer))
                    .and_then(|(theirs, ours)| cka_of(&ours, &theirs)),
                Beside::Reference(_) => None,
            };
            points.push(LayerPoint { layer, agreement, cka, triplets });
            if notes.is_empty() {
                notes = agreement_notes(&agreement, pairing.n_dropped);
                ceiling = pairing.ceiling(options.measure);
            }
        }
        title = format!("{} and {}, layer by layer", side.title, reference.title);
        sources = vec![side.run_id.clone(), reference.id];
        tell(done + 1);
        platform::breathe().await;
        if !alive() {
            return Ok(None);
        }
    }
    if matches!(with, Beside::Run(other) if !other.layers().is_empty()) {
        notes.push("Each layer is compared with the other model's layer at the same share of its depth.".to_owned());
    }
    notes.extend(side.notes.iter().cloned());
    let mut figures: Vec<Figure> =
        layer_figure(&title, options.measure, &points, ceiling.as_ref(), &notes, &sources).into_iter().collect();
    let shares: Vec<(u32, Option<(f64, u64)>)> =
        points.iter().map(|it| (it.layer, it.triplets)).chain(only_triplets).collect();
    figures.extend(triplet_figure(&format!("Odd one out: {title}"), &shares, &side.notes, &sources));
    Ok(Some(figures))
}

/// The ratings of a run under other wordings and temperatures; nothing for runs without.
async fn by_setting(
    analysis: AnalysisState,
    (side, with): (&ModelSide, &Beside),
    options: &Options,
    alive: &(impl Fn() -> bool + Clone + 'static),
    tell: &impl Fn(usize),
) -> Result<Option<Vec<Figure>>, RepresentationError> {
    let Some(sweep) = &side.sweep else { return Ok(None) };
    let reference = reference_at(with, side, 0, options.distance)?;
    let pairing = Pairing::new(side, &reference)?;
    let (mut points, mut notes) = (Vec::new(), Vec::new());
    if pairing.raters.is_empty() {
        return Ok(None);
    }
    for (done, (wording, temperature)) in sweep.settings().into_iter().enumerate() {
        let model = sweep.rdm(&pairing.model_places, wording, temperature)?;
        let how = (options.measure, LAYER_RESAMPLES);
        let found = match drawn(analysis, (&model, &pairing.raters), how, alive, |_| true).await {
            Ok(Some(found)) => found,
            Ok(None) => return Ok(None),
            // Ratings that are all alike at one temperature have no order there.
            Err(RepresentationError::Stat(_)) => continue,
            Err(error) => return Err(error),
        };
        let agreement = found.agreement;
        if notes.is_empty() {
            notes = agreement_notes(&agreement, pairing.n_dropped);
        }
        points.push(SweepPoint { wording, temperature, agreement });
        tell(done + 1);
    }
    notes.extend(side.notes.iter().cloned());
    let title = format!("{} and {}, by wording and temperature", side.title, reference.title);
    let ceiling = pairing.ceiling(options.measure);
    let sources = [side.run_id.clone(), reference.id];
    Ok(Some(sweep_figure(&title, options.measure, &points, ceiling.as_ref(), &notes, &sources).into_iter().collect()))
}

/// Places of words on a side.
fn same_words(side: &ModelSide, words: &[String]) -> Option<Vec<usize>> {
    words.iter().map(|word| side.names.iter().position(|name| name.eq_ignore_ascii_case(word))).collect()
}

fn title_of(run: &Run) -> String {
    let task = tasks::find(&run.task_id).map_or("", |entry| entry.info.title);
    format!("{}: {task}, {} items, {}", run.engine.model_name, run.n_items, when(run.started_at))
}

async fn side_of(state: State, runs: &[Run], id: Option<String>) -> Option<Arc<ModelSide>> {
    let run = runs.iter().find(|run| Some(&run.id) == id.as_ref())?;
    let mut results: Vec<ItemResult> = state.list(Collection::ItemResults, Some(&run.id)).await;
    results.sort_by_key(|result| result.index);
    ModelSide::of_run(run, &results).ok().map(Arc::new)
}

/// Whether a reference knows at least three of the words.
fn shares_words(side: &ModelSide, reference: &Reference) -> bool {
    Pairing::new(side, reference).is_ok_and(|it| !it.raters.is_empty() || !it.triplets.is_empty())
}

/// The choice of a run and of what stands beside it, and the figures.
#[component]
pub fn SimilarityView(
    /// Complete runs with similarities, newest first.
    runs: Vec<Run>,
    /// Files and studies.
    references: Vec<Reference>,
    /// The run that is shown.
    open: RwSignal<Option<String>>,
) -> impl IntoView {
    let state = use_state();
    let analysis = use_analysis();
    if runs.is_empty() {
        return view! { <p data-testid="no-similarity">"No similarities are stored yet. What you start above will be here, and stays after a reload."</p> }.into_any();
    }
    let runs = Arc::new(runs);
    let references: Arc<Vec<Arc<Reference>>> = Arc::new(references.into_iter().map(Arc::new).collect());
    let newest = runs.first().map(|run| run.id.clone());
    let shown = {
        let runs = Arc::clone(&runs);
        Memo::new(move |_| open.get().filter(|id| runs.iter().any(|run| run.id == *id)).or_else(|| newest.clone()))
    };
    let side = {
        let runs = Arc::clone(&runs);
        LocalResource::new(move || {
            let (runs, id) = (Arc::clone(&runs), shown.get());
            async move { side_of(state, &runs, id).await }
        })
    };
    let side = Memo::new(move |_| side.get().flatten());
    let pictures = LocalResource::new(move || {
        let names = side.get().map(|side| side.names.clone()).unwrap_or_default();
        async move { pictures_of(state, &names).await }
    });
    // "" for what fits, "none", "ref:ID" or "run:ID".
    let with = RwSignal::new(String::new());
    let layer: RwSignal<Option<u32>> = RwSignal::new(None);
    let metric = RwSignal::new(Metric::Cosine);
    let center = RwSignal::new(true);
    let measure = RwSignal::new(Measure::Spearman);
    let chosen = {
        let references = Arc::clone(&references);
        Memo::new(move |_| {
            let (with, side) = (with.get(), side.get());
            if !with.is_empty() {
                return with;
            }
            let fits =
                side.and_then(|side| references.iter().find(|it| shares_words(&side, it)).map(|it| it.id.clone()));
            fits.map_or_else(|| "none".to_owned(), |id| format!("ref:{id}"))
        })
    };
    let other = {
        let (runs, references) = (Arc::clone(&runs), Arc::clone(&references));
        LocalResource::new(move || {
            let (runs, references, chosen) = (Arc::clone(&runs), Arc::clone(&references), chosen.get());
            async move {
                if let Some(id) = chosen.strip_prefix("run:") {
                    return side_of(state, &runs, Some(id.to_owned())).await.map(Beside::Run);
                }
                let id = chosen.strip_prefix("ref:")?;
                references.iter().find(|it| it.id == id).cloned().map(Beside::Reference)
            }
        })
    };
    let options = Memo::new(move |_| Options {
        layer: layer.get(),
        distance: StateDistance { metric: metric.get(), center: center.get() },
        measure: measure.get(),
    });
    let found: RwSignal<Option<Result<Found, String>>> = RwSignal::new(None);
    let curve: RwSignal<Option<Result<Vec<Figure>, String>>> = RwSignal::new(None);
    let layers_done = RwSignal::new((0.0, 0.0));
    let resamples = RwSignal::new(RESAMPLES);
    // Resamples of the chosen layer so far, and whether a person stopped them.
    let drawing: RwSignal<Option<usize>> = RwSignal::new(None);
    let stopped = RwSignal::new(false);
    let newest_task = StoredValue::new([0_u32; 2]);
    // What is newer stops what is older: `slot` 0 is the chosen layer, 1 the curve.
    let begin = move |slot: usize| {
        newest_task.update_value(|all| all[slot] += 1);
        let mine = newest_task.with_value(|all| all[slot]);
        move || newest_task.try_with_value(|all| all[slot] == mine).unwrap_or(false)
    };
    Effect::new(move |_| {
        let (side, with, options, resamples) = (side.get(), other.get(), options.get(), resamples.get());
        let alive = begin(0);
        found.set(None);
        stopped.set(false);
        drawing.set(None);
        let (Some(side), Some(with)) = (side, with) else { return };
        spawn_local(async move {
            platform::breathe().await;
            let made = match with {
                None => alone(&side, &options).map(Some),
                Some(with) => {
                    let go_on = move |done| {
                        drawing.set(Some(done));
                        !stopped.get_untracked()
                    };
                    beside(analysis, (&side, &with), &options, resamples, &alive, go_on).await
                }
            };
            if alive() {
                drawing.set(None);
            }
            match made {
                Ok(Some(made)) if alive() => found.set(Some(Ok(made))),
                Err(error) if alive() => found.set(Some(Err(error.to_string()))),
                _ => {}
            }
        });
    });
    let without_layer = Memo::new(move |_| Options { layer: None, ..options.get() });
    Effect::new(move |_| {
        let (side, with, options) = (side.get(), other.get(), without_layer.get());
        let alive = begin(1);
        curve.set(None);
        layers_done.set((0.0, 0.0));
        let (Some(side), Some(Some(with))) = (side, with) else { return };
        let n_settings = side.sweep.as_ref().map_or(0, |sweep| sweep.settings().len());
        let n = side.layers().len().max(n_settings);
        if n == 0 {
            return;
        }
        layers_done.set((0.0, n as f64));
        spawn_local(async move {
            let tell = |done: usize| layers_done.set((done as f64, n as f64));
            let made = if n_settings > 0 {
                by_setting(analysis, (&side, &with), &options, &alive, &tell).await
            } else {
                by_layer(analysis, (&side, &with), &options, &alive, &tell).await
            };
            if alive() {
                layers_done.set((0.0, 0.0));
                curve.set(made.map_err(|error| error.to_string()).transpose());
            }
        });
    });
    let run_options = {
        let runs = Arc::clone(&runs);
        move || {
            let current = shown.get();
            let option = |run: &Run| {
                let selected = current.as_deref() == Some(run.id.as_str());
                view! { <option value=run.id.clone() selected=selected>{title_of(run)}</option> }
            };
            runs.iter().map(option).collect_view()
        }
    };
    let with_options = {
        let (runs, references) = (Arc::clone(&runs), Arc::clone(&references));
        move || {
            let current = chosen.get();
            let mut all = vec![("none".to_owned(), "Nothing: the model alone".to_owned())];
            all.extend(references.iter().map(|it| (format!("ref:{}", it.id), it.title.clone())));
            all.extend(runs.iter().map(|it| (format!("run:{}", it.id), title_of(it))));
            all.into_iter()
                .map(|(value, title)| {
                    let selected = value == current;
                    view! { <option value=value selected=selected>{title}</option> }
                })
                .collect_view()
        }
    };
    let layer_choice = move || {
        let side = side.get()?;
        let layers = side.layers();
        let last = *layers.last()?;
        let usual = side.usual_layer();
        Some(view! {
            <div class="field">
                <label for="layer">"Layer " <output data-testid="layer-shown">{move || layer.get().unwrap_or(usual)}</output></label>
                <input type="range" id="layer" data-testid="layer" min="0" max=last step="1" prop:value=move || layer.get().unwrap_or(usual).to_string()
                    on:change=move |event| if let Ok(number) = event_target_value(&event).parse() { layer.set(Some(number)) } />
            </div>
            <div class="field">
                <label for="metric">"Distance of states"</label>
                <select id="metric" data-testid="metric" on:change=move |event| metric.set(match event_target_value(&event).as_str() {
                    "correlation" => Metric::Correlation,
                    "euclidean" => Metric::Euclidean,
                    _ => Metric::Cosine,
                })>
                    <option value="cosine">"cosine"</option>
                    <option value="correlation">"correlation"</option>
                    <option value="euclidean">"Euclidean"</option>
                </select>
            </div>
            <label class="row">
                <input type="checkbox" data-testid="center" prop:checked=move || center.get() on:change=move |event| center.set(event_target_checked(&event)) />
                "Take the mean state off first"
            </label>
        })
    };
    let save = move |name: &'static str, make: fn(&[(String, Rdm)]) -> serde_json::Value| {
        move |_| {
            if let Some(Ok(found)) = found.get_untracked() {
                let text = serde_json::to_string(&make(&found.rdms)).map_err(|error| error.to_string());
                super::judge_end::save(state, name, "application/json", text);
            }
        }
    };
    let shown_figures = move || {
        match found.get() {
        None => view! { <p role="status" data-testid="similarity-working">"Working out the agreement…"</p> }.into_any(),
        Some(Err(detail)) => view! { <p class="notice" data-testid="similarity-problem">"These cannot be compared: " {detail} "."</p> }.into_any(),
        Some(Ok(found)) => view! {
            <p class="lede" data-testid="similarity-sentence">{found.sentence}</p>
            {found.more.into_iter().map(|it| view! { <p>{it}</p> }).collect_view()}
            <div class="figures">{found.figures.into_iter().map(|figure| view! { <Chart figure=illustrated(figure, &pictures.get().unwrap_or_default()) /> }).collect_view()}</div>
            <div class="row">
                <button type="button" data-testid="save-rsatoolbox" on:click=save("likewise_rdms.json", |rdms| rsatoolbox_dict(rdms, "see names"))>"Save RDMs for rsatoolbox"</button>
                <button type="button" data-testid="save-meadows" on:click=save(MEADOWS_FILE, meadows_tree)>"Save RDMs as a Meadows tree"</button>
            </div>
        }.into_any(),
    }
    };
    let drawn_so_far = Signal::derive(move || (drawing.get().unwrap_or(0) as f64, resamples.get() as f64));
    let drawn_words = Signal::derive(move || format!("{} of {} resamples", drawn_so_far.get().0, drawn_so_far.get().1));
    let layer_words = Signal::derive(move || format!("{} of {}", layers_done.get().0, layers_done.get().1));
    view! {
        <section class="stack" data-testid="similarity">
            <h2>"Compare"</h2>
            <div class="panel stack">
                <div class="form-grid">
                    <div class="field">
                        <label for="side">"Model"</label>
                        <select id="side" data-testid="side" on:change=move |event| open.set(Some(event_target_value(&event)))>{run_options}</select>
                    </div>
                    <div class="field">
                        <label for="with">"Beside"</label>
                        <select id="with" data-testid="with" on:change=move |event| with.set(event_target_value(&event))>{with_options}</select>
                    </div>
                    <div class="field">
                        <label for="measure">"Agreement"</label>
                        <select id="measure" data-testid="measure" on:change=move |event| {
                            if let Some(it) = Measure::parse(&event_target_value(&event)) { measure.set(it); }
                        }>
                            {Measure::ALL.into_iter().map(|it| view! { <option value=it.name() selected=it == Measure::Spearman>{measure_in_words(it)}</option> }).collect_view()}
                        </select>
                    </div>
                    <div class="field">
                        <label for="resamples">"Resamples"</label>
                        <select id="resamples" data-testid="resamples" on:change=move |event| {
                            if let Ok(it) = event_target_value(&event).parse() { resamples.set(it); }
                        }>
                            {RESAMPLE_CHOICES.map(|it| view! { <option value=it.to_string() selected=move || resamples.get() == it>{it.to_string()}</option> }).into_iter().collect_view()}
                        </select>
                    </div>
                    {layer_choice}
                </div>
            </div>
            <Show when=move || drawing.get().is_some()>
                <div class="panel stack" data-testid="resampling">
                    <ProgressBar label="Resamples drawn" progress=drawn_so_far words=drawn_words />
                    <p><button type="button" data-testid="stop-resampling" on:click=move |_| stopped.set(true)>"Stop here"</button></p>
                </div>
            </Show>
            <Show when=move || layers_done.get().1 != 0.0>
                <ProgressBar label="Comparing by layer or setting" progress=layers_done words=layer_words />
            </Show>
            {move || curve.get().map(|curve| match curve {
                Ok(figures) => figures.into_iter().map(|figure| view! { <Chart figure=figure /> }).collect_view().into_any(),
                Err(detail) => view! { <p class="notice">{detail}</p> }.into_any(),
            })}
            {shown_figures}
        </section>
    }
    .into_any()
}
