//! Models: cards, one honest progress bar, the person's own file, and facts about what is loaded.

use leptos::prelude::*;
use leptos_router::components::A;
use wasm_bindgen::JsCast;

use super::data_page::CachedModels;
use super::home_page::DeviceLine;
use super::results_page::when;
use crate::app::models::{Loaded, Models};
use crate::app::{bytes_in_words, seconds_in_words};
use crate::eval::bench::{Part, Rate};
use crate::eval::engine::{Backend, DeviceCheck, SelfTest};
use crate::formats::catalog::ModelCard;
use crate::protocol::{LoadPhase, ModelOrigin, NoticeKind};
use crate::ui::components::progress_bar::ProgressBar;
use crate::ui::state::use_state;
use crate::ui::{Heading, to};

/// The bar of a load, or nothing.
#[component]
pub fn LoadProgress(
    /// What is loading.
    #[prop(into)]
    models: Signal<Models>,
    /// Stops it.
    on_cancel: Callback<()>,
) -> impl IntoView {
    let loading = move || models.get().loading;
    let label = Signal::derive(move || {
        loading().map_or_else(String::new, |it| format!("{}: {}", it.name, it.phase_in_words()))
    });
    let progress =
        Signal::derive(move || loading().map_or((0.0, 0.0), |it| (it.done_bytes as f64, it.total_bytes as f64)));
    let words = Signal::derive(move || {
        let Some(it) = loading() else { return String::new() };
        let mut words = bytes_in_words(it.done_bytes);
        if it.total_bytes > 0 {
            words = format!("{words} of {}", bytes_in_words(it.total_bytes));
        }
        if it.phase == LoadPhase::Download && it.cached_bytes > 0 {
            words = format!("{words}, {} were here already", bytes_in_words(it.cached_bytes));
        }
        if let Some(left) = it.seconds_left().filter(|_| it.phase != LoadPhase::SelfTest) {
            words = format!("{words}, about {} left", seconds_in_words(left));
        }
        words
    });
    view! {
        <Show when=move || loading().is_some()>
            <section class="panel stack" data-testid="loading">
                <ProgressBar label=label progress=progress words=words />
                <button type="button" data-testid="load-cancel" on:click=move |_| on_cancel.run(())>"Cancel"</button>
            </section>
        </Show>
    }
}

/// Either its children, or what to do to have a model.
#[component]
pub fn NeedsModel(
    /// What cannot be done without.
    what: &'static str,
) -> impl IntoView {
    let state = use_state();
    let default = move || {
        state.catalog.get().and_then(|catalog| {
            let wanted = catalog.default.clone();
            catalog.models.into_iter().find(|card| card.id == wanted)
        })
    };
    view! {
        <Show when=move || state.models.get().loaded.is_none()>
            <LoadProgress models=state.models on_cancel=Callback::new(move |()| state.cancel_load()) />
            <Show when=move || state.models.get().loading.is_none()>
                <section class="panel" data-testid="needs-model">
                    <p>"No model is loaded, and " {what} " needs one."</p>
                    <div class="row">
                        {move || default().map(|card| {
                            let label = format!("Load {} ({})", card.name, bytes_in_words(card.size_bytes));
                            view! {
                                <button type="button" class="primary" data-testid="load-default" on:click=move |_| {
                                    state.load(ModelOrigin::Catalog { card: Box::new(card.clone()) }, None);
                                }>{label}</button>
                            }
                        })}
                        <A href=to("/models")>"Choose another model"</A>
                    </div>
                </section>
            </Show>
        </Show>
    }
}

fn self_test_in_words(verdict: &SelfTest) -> String {
    match verdict {
        SelfTest::Passed { max_kl } => format!("passed (largest divergence from the reference {max_kl:.1e} nats)"),
        SelfTest::Failed { detail } => format!("failed: {detail}"),
        SelfTest::Unverified { reason } => format!("unverified: {reason}"),
    }
}

#[component]
fn LoadedFacts(loaded: Loaded) -> impl IntoView {
    let state = use_state();
    let info = loaded.info;
    let place = match info.backend {
        Backend::Gpu => "Graphics card",
        Backend::Cpu => "Processor",
        Backend::Scripted => "Scripted demonstration",
    };
    let (sha256, adapter) = (info.weights_sha256.clone(), info.adapter.clone());
    let checked = move || {
        let is_of = |check: &&DeviceCheck| check.is_of(sha256.as_deref(), info.backend, &adapter);
        state
            .checks
            .with(|checks| checks.iter().find(is_of).map(|check| format!(", checked on {}", when(check.checked_at))))
    };
    view! {
        <section class="panel" data-testid="loaded">
            <h2>{info.model_name.clone()} " is ready"</h2>
            <dl class="facts">
                <dt>"Runs on"</dt><dd data-testid="loaded-backend">{place} ": " {info.adapter.clone()}</dd>
                <dt>"Check of this device"</dt><dd data-testid="loaded-self-test">{self_test_in_words(&info.self_test)} {checked}</dd>
                <dt>"Memory"</dt>
                <dd>
                    {(loaded.device_bytes > 0).then(|| format!("{} on the graphics card, ", bytes_in_words(loaded.device_bytes)))}
                    <span data-testid="heap" data-bytes=loaded.heap_bytes>{bytes_in_words(loaded.heap_bytes)}</span> " in the worker"
                </dd>
                <dt>"File"</dt><dd>{bytes_in_words(info.size_bytes)} ", " {info.quantization.clone()} ", " {info.family.clone()}</dd>
                <dt>"Reads at once"</dt><dd>{info.context_length} " tokens"</dd>
                <dt>"SHA-256"</dt><dd class="mono">{info.weights_sha256.clone().unwrap_or_else(|| "not known".to_owned())}</dd>
                <dt>"Next time"</dt><dd>{if loaded.cached { "from this browser's cache" } else { "from the network or your file again" }}</dd>
            </dl>
            <div class="row">
                <A href=to("/chat") attr:class="button primary" attr:data-testid="go-chat">"Talk to it"</A>
                <A href=to("/tasks") attr:class="button">"Run a benchmark"</A>
                <button type="button" data-testid="unload" on:click=move |_| state.unload()>"Unload"</button>
            </div>
        </section>
    }
}

/// What checks after loading found on this device, and a way to have one made again. A failure stays here until a later
/// check of the same passes.
#[component]
fn DeviceChecks() -> impl IntoView {
    let state = use_state();
    let row = move |check: DeviceCheck| {
        let version = format!("{} {}", check.adapter, check.app_version);
        let is_asked = matches!(check.verdict, SelfTest::Unverified { .. });
        let label = format!("Check {} again when it is loaded next", check.model_name);
        view! {
            <tr data-testid="device-check">
                <th scope="row">{check.model_name.clone()}</th>
                <td>{version}</td>
                <td>{self_test_in_words(&check.verdict)}</td>
                <td>{when(check.checked_at)}</td>
                <td>{(!is_asked).then(|| view! {
                    <button type="button" class="quiet" aria-label=label data-testid="check-again" on:click=move |_| state.forget_check(check.clone())>"Check again"</button>
                })}</td>
            </tr>
        }
    };
    // Open where something is to be seen: a failure, or a check that was just asked for.
    let is_passed = |check: &DeviceCheck| matches!(check.verdict, SelfTest::Passed { .. });
    let open = move || state.checks.with(|checks| !checks.iter().all(is_passed));
    view! {
        <Show when=move || state.checks.with(|checks| !checks.is_empty())>
            <details class="panel" data-testid="device-checks" prop:open=open>
                <summary>"Checks of this device"</summary>
                <p>"After its first load a model's answers are compared with stored ones; the verdict is kept for this device, driver and version of the site."</p>
                <div class="scroll-x"><table>
                    <caption>"Stored verdicts"</caption>
                    <thead><tr><th scope="col">"Model"</th><th scope="col">"Device and version"</th><th scope="col">"Verdict"</th><th scope="col">"When"</th><th scope="col">"Again"</th></tr></thead>
                    <tbody>{move || state.checks.get().into_iter().map(row).collect_view()}</tbody>
                </table></div>
            </details>
        </Show>
    }
}

/// How fast the loaded model is here, measured on request.
#[component]
fn ThisDevice() -> impl IntoView {
    let state = use_state();
    let measuring = move || state.models.with(|models| models.measuring);
    let busy = move || {
        measuring().is_some()
            || state.chat.with(|chat| chat.command.is_some())
            || state.runs.with(|runs| runs.command().is_some())
    };
    let said = RwSignal::new(String::new());
    let figures = move || {
        state.models.with(|models| models.measures.clone()).map(|measures| {
            let row = |name: &'static str, unit: &'static str, rate: &Rate| {
                let (n, seconds) = (rate.n, rate.millis / 1e3);
                let per_second = rate.per_second();
                let shown = if per_second < 10.0 { format!("{per_second:.2}") } else { format!("{per_second:.0}") };
                view! { <tr><th scope="row">{name}</th><td class="number">{shown} " " {unit} " a second"</td><td class="number">{n} " in " {format!("{seconds:.1} s")}</td></tr> }
            };
            let n = f64::from(measures.decode.n.max(1));
            let work = measures.decode_work.map(|work| {
                let each = |count: u64| count as f64 / n;
                view! {
                    <p data-testid="measured-work">{format!(
                        "For each token written: {:.1} kernel dispatches, {:.2} passes, {:.2} submits, {:.2} uploads. At most {} of graphics memory so far.",
                        each(work.dispatches), each(work.passes), each(work.submits), each(work.uploads), bytes_in_words(work.peak_bytes),
                    )}</p>
                }
            });
            let cost = measures.token_cost.clone().map(|cost| {
                let reads = cost.weight_bytes as f64 * measures.decode.per_second();
                let share = reads / cost.copy_bytes_per_second * 100.0;
                let total: f64 = cost.kernels.iter().map(|kernel| kernel.millis).sum();
                view! {
                    <p data-testid="bandwidth">{format!(
                        "Writing reads {} of weights a second, {share:.0} % of what a plain copy moves here ({} a second).",
                        bytes_in_words(reads as u64), bytes_in_words(cost.copy_bytes_per_second as u64),
                    )}</p>
                    <details>
                        <summary>"Kernels of one token"</summary>
                        <div class="scroll-x"><table data-testid="kernels">
                            <caption>{format!("Each timed alone, with {} tokens before it", cost.context)}</caption>
                            <thead><tr><th scope="col">"Kernel"</th><th scope="col">"Dispatches"</th><th scope="col">"Milliseconds"</th><th scope="col">"Share"</th></tr></thead>
                            <tbody>{cost.kernels.into_iter().map(|kernel| view! {
                                <tr>
                                    <th scope="row">{kernel.name}</th>
                                    <td class="number">{kernel.dispatches}</td>
                                    <td class="number">{format!("{:.3}", kernel.millis)}</td>
                                    <td class="number">{format!("{:.0} %", kernel.millis / total.max(1e-9) * 100.0)}</td>
                                </tr>
                            }).collect_view()}</tbody>
                        </table></div>
                    </details>
                }
            });
            let gemm = measures.token_cost.as_ref().and_then(|cost| cost.gemm).zip(measures.score_share());
            let gemm = gemm.map(|(gemm, share)| view! {
                <p data-testid="gemm">{format!(
                    "Products of {} rows at once: {:.1} GFLOP a second; scoring reaches {:.0} % of that.",
                    gemm.rows, gemm.flops_per_second / 1e9, share * 100.0,
                )}</p>
            });
            let timed = format!(
                "Scoring: {} prompts of 118 tokens that share 90, four options each; {} were timed and the others reckoned from them.",
                measures.score.n, measures.score_timed,
            );
            let card = serde_json::to_string_pretty(&measures);
            let copy = move |_| match &card {
                Ok(card) => copy_text(card.clone(), said),
                Err(error) => state.notify(NoticeKind::Unexpected, error.to_string()),
            };
            view! {
                <div class="scroll-x"><table data-testid="measures">
                    <caption>{format!("{} on {}, measured just now", measures.engine.model_name, measures.engine.adapter)}</caption>
                    <tbody>
                        {row("Reading a prompt", "tokens", &measures.prefill)}
                        {row("Writing", "tokens", &measures.decode)}
                        {row("Scoring four options", "prompts", &measures.score)}
                    </tbody>
                </table></div>
                <p>{timed}</p>
                {work}
                {cost}
                {gemm}
                <div class="row">
                    <button type="button" data-testid="copy-measures" on:click=copy>"Copy as JSON"</button>
                    <span role="status">{move || said.get()}</span>
                </div>
            }
        })
    };
    view! {
        <section class="panel stack" data-testid="this-device">
            <h2>"This device"</h2>
            <p>"Measures how fast the loaded model reads, writes and scores here. It takes about half a minute, longer on a slow device."</p>
            {figures}
            <div class="row">
                <button type="button" data-testid="measure" disabled=busy on:click=move |_| state.measure()>"Measure"</button>
                <button type="button" disabled=move || measuring().is_none() on:click=move |_| state.cancel_load()>"Stop"</button>
                <span role="status">{move || measuring().map(|(_, part)| match part {
                    None => "Waiting for the model…",
                    Some(Part::Prefill) => "Reading a prompt…",
                    Some(Part::Decode) => "Writing…",
                    Some(Part::Score) => "Scoring options…",
                    Some(Part::Kernels) => "Timing single kernels…",
                })}</span>
            </div>
        </section>
    }
}

/// Copies a text and says whether that worked.
fn copy_text(text: String, said: RwSignal<String>) {
    leptos::task::spawn_local(async move {
        let copied = wasm_bindgen_futures::JsFuture::from(window().navigator().clipboard().write_text(&text)).await;
        said.set(if copied.is_ok() { "Copied." } else { "The browser did not allow copying." }.to_owned());
    });
}

#[component]
fn Card(card: ModelCard) -> impl IntoView {
    let state = use_state();
    let busy = move || state.models.get().loading.is_some();
    let id = card.id.clone();
    let is_loaded = move || state.models.get().loaded.is_some_and(|loaded| loaded.info.model_id == id);
    let wanted = card.clone();
    view! {
        <article class="panel" data-testid=format!("card-{}", card.id)>
            <h3>{card.name.clone()}</h3>
            <p>{card.description.clone()}</p>
            <dl class="facts">
                <dt>"Size"</dt><dd>{bytes_in_words(card.size_bytes)}</dd>
                <dt>"Quantization"</dt><dd>{card.quantization.clone()}</dd>
                <dt>"Licence"</dt><dd>{card.licence.clone()}</dd>
                <dt>"From"</dt><dd>{card.source.clone()}</dd>
                <dt>"Fetched"</dt><dd>{fetched_from(&card.url)}</dd>
            </dl>
            <button
                type="button"
                class="primary"
                data-testid=format!("load-{}", card.id)
                disabled=busy
                on:click=move |_| state.load(ModelOrigin::Catalog { card: Box::new(wanted.clone()) }, None)
            >
                {move || if is_loaded() { "Load again" } else { "Load" }}
            </button>
        </article>
    }
}

/// Who learns of a download.
fn fetched_from(url: &str) -> String {
    match url.strip_prefix("https://").and_then(|rest| rest.split('/').next()) {
        Some(host) => format!("from {host}, which learns your network address; kept in this browser"),
        None => "from this site; kept in this browser".to_owned(),
    }
}

#[component]
fn OwnFile() -> impl IntoView {
    let state = use_state();
    let over = RwSignal::new(false);
    let first = |files: Option<web_sys::FileList>| files.and_then(|files| files.get(0));
    view! {
        <section
            class="drop-zone"
            class:over=move || over.get()
            data-testid="drop-zone"
            on:dragover=move |event| { event.prevent_default(); over.set(true); }
            on:dragleave=move |_| over.set(false)
            on:drop=move |event| {
                event.prevent_default();
                over.set(false);
                if let Some(file) = first(event.data_transfer().and_then(|data| data.files())) {
                    state.load_file(&file);
                }
            }
        >
            <h2>"Your own model"</h2>
            <p>"Drop a GGUF file of the Llama, Qwen2, Qwen3 or Gemma 3 family here, or choose one. It is read where it lies and goes nowhere."</p>
            <div class="field">
                <label for="own-file">"GGUF file"</label>
                <input type="file" id="own-file" data-testid="own-file" accept=".gguf" on:change=move |event| {
                    if let Some(input) = event.target().and_then(|target| target.dyn_into::<web_sys::HtmlInputElement>().ok()) {
                        if let Some(file) = first(input.files()) {
                            state.load_file(&file);
                        }
                        // The same file can be chosen again.
                        input.set_value("");
                    }
                } />
            </div>
        </section>
    }
}

/// A model from an address of the person's choice.
#[component]
fn OwnUrl() -> impl IntoView {
    let state = use_state();
    let url = RwSignal::new(String::new());
    let busy = move || state.models.get().loading.is_some();
    view! {
        <form class="panel stack" on:submit=move |event| {
            event.prevent_default();
            let url = url.get_untracked().trim().to_owned();
            if !url.is_empty() {
                state.load(ModelOrigin::Url { url }, None);
            }
        }>
            <h2>"A model by its address"</h2>
            <div class="field">
                <label for="model-url">"Address of a GGUF file"</label>
                <input
                    type="url"
                    id="model-url"
                    data-testid="model-url"
                    placeholder="https://"
                    pattern="https://.+"
                    title="An address that begins with https://"
                    required
                    aria-describedby="model-url-hint"
                    prop:value=move || url.get()
                    on:input=move |event| url.set(event_target_value(&event))
                />
                <span class="hint" id="model-url-hint">
                    "Your browser asks that host for the file, so the host learns your network address; it must allow other sites to read it (CORS)."
                </span>
            </div>
            <div class="row">
                <button type="submit" data-testid="load-url" disabled=busy>"Load from this address"</button>
            </div>
        </form>
    }
}

/// Models.
#[component]
pub fn ModelsPage() -> impl IntoView {
    let state = use_state();
    let loaded = Memo::new(move |_| state.models.with(|models| models.loaded.clone()));
    let has_gpu = move || state.device.get().class() == "gpu";
    view! {
        <Heading text="Models" />
        <DeviceLine />
        <LoadProgress models=state.models on_cancel=Callback::new(move |()| state.cancel_load()) />
        {move || loaded.get().map(|loaded| view! { <LoadedFacts loaded=loaded /> <ThisDevice /> })}
        <DeviceChecks />
        <Show when=has_gpu>
            <div class="field">
                <label for="backend">"Run models on"</label>
                <select id="backend" data-testid="backend"
                    prop:value=move || if state.backend.get() == Backend::Cpu { "cpu" } else { "gpu" }
                    on:change=move |event| state.choose_backend(if event_target_value(&event) == "cpu" { Backend::Cpu } else { Backend::Gpu })>
                    <option value="gpu">"the graphics card"</option>
                    <option value="cpu">"the processor (slower; drops a loaded model)"</option>
                </select>
            </div>
        </Show>
        <section class="stack">
            <h2>"Ready to load"</h2>
            {move || match state.catalog.get() {
                Some(catalog) => catalog.models.into_iter().map(|card| view! { <Card card=card /> }).collect_view().into_any(),
                None => view! { <p role="status">"Reading the catalog…"</p> }.into_any(),
            }}
        </section>
        <OwnFile />
        <OwnUrl />
        <CachedModels />
    }
}
