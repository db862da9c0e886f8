//! What is stored, how much, export, import, erase.

use std::collections::BTreeSet;

use leptos::prelude::*;
use leptos::task::spawn_local;
use wasm_bindgen::JsCast;

use crate::app::bytes_in_words;
use crate::protocol::NoticeKind;
use crate::store::Collection;
use crate::ui::Heading;
use crate::ui::components::dialog::ConfirmButton;
use crate::ui::components::memory_banner::save_everything;
use crate::ui::state::use_state;

fn name_of(collection: Collection) -> &'static str {
    match collection {
        Collection::Runs => "Runs",
        Collection::ItemResults => "Results of items",
        Collection::Sessions => "Study sessions",
        Collection::Judgments => "Judgments",
        Collection::Settings => "Settings and checks of this device",
        Collection::Verdicts => "Your verdicts on items",
        Collection::Studies => "Studies taken part in",
        Collection::Withdrawals => "Withdrawn sessions",
        Collection::References => "Imported similarities",
        Collection::Packets => "Sessions of a class",
        Collection::Recruitments => "Hashed recruitment ids",
        Collection::Deliveries => "Sessions to send or sent",
    }
}

/// Models in the cache, each with a delete button.
#[component]
pub fn CachedModels() -> impl IntoView {
    let state = use_state();
    let models = LocalResource::new(move || {
        state.cache_version.get();
        async move { state.cached_models().await }
    });
    view! {
        <section data-testid="cached-models">
            <h2>"Models kept in this browser"</h2>
            {move || models.get().map(|models| {
                if models.is_empty() {
                    return view! { <p data-testid="no-cached">"None."</p> }.into_any();
                }
                let rows = models.into_iter().map(|model| {
                    let key = model.key.clone();
                    view! {
                        <tr data-testid="cached-row">
                            <td>{model.name.clone()} {(!model.complete).then_some(" (unfinished; loading goes on from here)")}</td>
                            <td class="number">{bytes_in_words(model.bytes)}</td>
                            <td><button type="button" class="danger" data-testid="delete-cached" aria-label=format!("Delete {}", model.name) on:click=move |_| {
                                let key = key.clone();
                                spawn_local(async move { state.delete_cached(&key).await });
                            }>"Delete"</button></td>
                        </tr>
                    }
                });
                view! { <div class="scroll-x"><table><thead><tr><th scope="col">"Model"</th><th scope="col" class="number">"Size"</th><th scope="col"><span class="visually-hidden">"Delete"</span></th></tr></thead><tbody>{rows.collect_view()}</tbody></table></div> }.into_any()
            })}
        </section>
    }
}

/// What is stored.
#[component]
pub fn DataPage() -> impl IntoView {
    let state = use_state();
    let said = RwSignal::new(String::new());
    let with_recruitment = RwSignal::new(false);
    let sizes = LocalResource::new(move || {
        state.records_version.get();
        async move {
            let mut rows = Vec::new();
            for collection in Collection::ALL {
                let records = state.list_records(collection, None).await;
                let bytes: usize =
                    records.iter().map(|record| record.json.len() + record.id.len() + record.parent.len()).sum();
                // A run is written again when it ends: things are counted, not their versions.
                let ids: BTreeSet<_> = records.iter().map(|record| &record.id).collect();
                rows.push((collection, ids.len(), bytes as u64));
            }
            rows
        }
    });
    let estimate = LocalResource::new(move || {
        state.records_version.get();
        state.cache_version.get();
        async move { state.storage_estimate().await }
    });
    let kept = LocalResource::new(move || {
        state.records_version.get();
        async move { state.is_data_kept().await }
    });
    let ask = move |_| {
        spawn_local(async move {
            let granted = state.keep_data().await;
            said.set(if granted { "The browser has agreed." } else { "The browser did not agree." }.to_owned());
        });
    };
    let export = move |_| {
        spawn_local(async move {
            if save_everything(state, with_recruitment.get_untracked()).await {
                said.set("The file was handed to the browser to save.".to_owned());
            }
        });
    };
    let import = move |event: web_sys::Event| {
        let Some(input) = event.target().and_then(|target| target.dyn_into::<web_sys::HtmlInputElement>().ok()) else {
            return;
        };
        let Some(file) = input.files().and_then(|files| files.get(0)) else { return };
        spawn_local(async move {
            if file.size() > crate::store::backup::MAX_BYTES as f64 {
                return state.notify(NoticeKind::BadImport, "the file is too big".to_owned());
            }
            match gloo::file::futures::read_as_text(&file.into()).await {
                Ok(text) => {
                    if let Some(done) = state.import_all(&text).await {
                        let withdrawn = match done.n_withdrawn {
                            0 => String::new(),
                            n => format!(" {n} belong to withdrawn sessions and stay deleted."),
                        };
                        said.set(format!(
                            "{} records imported, {} were here already.{withdrawn}",
                            done.n_new, done.n_present
                        ));
                    }
                }
                Err(error) => state.notify(NoticeKind::BadImport, error.to_string()),
            }
            input.set_value("");
        });
    };
    let erase = Callback::new(move |()| {
        spawn_local(async move {
            if state.erase_records().await {
                for model in state.cached_models().await {
                    state.delete_cached(&model.key).await;
                }
                said.set("Everything was erased.".to_owned());
            }
        });
    });
    view! {
        <Heading text="Your data" />
        <p>"All of it lies in this browser, on this device. Nothing is sent anywhere, but for answers to a study that asks for them when you agree."</p>
        {move || sizes.get().map(|rows| {
            let rows = rows.into_iter().map(|(collection, n, bytes)| view! {
                <tr data-testid=format!("stored-{collection:?}").to_lowercase()>
                    <th scope="row">{name_of(collection)}</th>
                    <td class="number" data-testid="stored-n">{n}</td>
                    <td class="number">{bytes_in_words(bytes)}</td>
                </tr>
            });
            view! { <div class="scroll-x"><table data-testid="stored">
                <caption>"Records"</caption>
                <thead><tr><th scope="col">"Kind"</th><th scope="col" class="number">"Records"</th><th scope="col" class="number">"Size"</th></tr></thead>
                <tbody>{rows.collect_view()}</tbody>
            </table></div> }
        })}
        <p data-testid="estimate">{move || estimate.get().flatten().map(|(used, quota)| format!("The browser says this site uses {} of {} it may use.", bytes_in_words(used), bytes_in_words(quota)))}</p>
        <p data-testid="kept">{move || kept.get().map(|kept| if !state.is_durable.get() {
            "It gives this page no storage at all: everything is gone when the page is closed."
        } else if kept {
            "It has promised not to delete any of it on its own."
        } else {
            "It may delete all of it when the disk runs full: export what you want to keep."
        })}</p>
        <Show when=move || kept.get() == Some(false) && state.is_durable.get()>
            <p><button type="button" data-testid="ask-to-keep" on:click=ask>"Ask the browser to keep it"</button></p>
        </Show>
        <CachedModels />
        <section class="stack">
            <h2>"Take it with you, bring it back, erase it"</h2>
            <p>
                <input type="checkbox" id="with-recruitment" data-testid="with-recruitment" on:change=move |event| with_recruitment.set(event_target_checked(&event)) />
                " " <label for="with-recruitment">"Export hashed recruitment ids too. Whoever has the list of ids can then tell whose answers are whose."</label>
            </p>
            <div class="row">
                <button type="button" class="primary" data-testid="export-all" on:click=export>"Export everything"</button>
                <ConfirmButton id="erase-all" label="Erase everything" question="Erase everything?" consequence="All runs, judgments, sessions and cached models in this browser will be gone. An exported file stays yours." yes="Erase everything" act=erase />
            </div>
            <div class="field">
                <label for="import-file">"Import an exported file"</label>
                <input type="file" id="import-file" data-testid="import-file" accept=".jsonl" on:change=import />
            </div>
            <p role="status" data-testid="data-status">{move || said.get()}</p>
        </section>
    }
}
