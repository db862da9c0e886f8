//! A model of two towers (CLIP) beside the classifier: a visitor's own files, or the address of their folder.

use leptos::prelude::*;
use wasm_bindgen::JsCast;

use super::models_page::LoadProgress;
use crate::app::bytes_in_words;
use crate::app::sight::clip_files;
use crate::eval::sight::PROMPTS;
use crate::ui::sight_state::SightState;

fn files_of(event: &web_sys::Event) -> Vec<web_sys::File> {
    let input = event.target().and_then(|target| target.dyn_into::<web_sys::HtmlInputElement>().ok());
    let list = input.and_then(|input| input.files());
    list.map(|list| (0..list.length()).filter_map(|at| list.get(at)).collect()).unwrap_or_default()
}

/// Loads the second model.
#[component]
pub fn ClipPanel(
    /// Its worker.
    clip: SightState,
) -> impl IntoView {
    let models = Signal::derive(move || clip.sight.with(|sight| sight.models.clone()));
    let loading = move || models.with(|models| models.loading.is_some());
    let loaded = move || models.with(|models| models.loaded.clone());
    let refused: RwSignal<Option<String>> = RwSignal::new(None);
    let failed = move || clip.sight.with(|sight| sight.load_refused.clone());
    let url = RwSignal::new(String::new());
    let choose = move |event: web_sys::Event| {
        let files = files_of(&event);
        let names: Vec<String> = files.iter().map(web_sys::File::name).collect();
        match clip_files(&names) {
            Ok(order) => {
                refused.set(None);
                clip.load_files(&order.map(|at| files[at].clone()));
            }
            Err(sentence) => refused.set(Some(sentence)),
        }
    };
    let prompts = PROMPTS.iter().map(|prompt| view! { <li>{*prompt}</li> }).collect_view();
    view! {
        <details class="panel" data-testid="clip-panel">
            <summary>"Beside it: a model of your own that compares pictures with words (CLIP)"</summary>
            <div class="stack">
                <p>
                    "A CLIP-style model has a tower for pictures and one for texts. Eleven prompts, one for each class and one for \
                     everything else, are encoded once; a picture's answer is how near it lies to each. So it knows all ten classes, \
                     and what it gives to the eleventh prompt counts as abstaining. Three files are needed, as they are published \
                     beside each other: model.safetensors, tokenizer.json and config.json (type clip)."
                </p>
                <LoadProgress models=models on_cancel=Callback::new(move |()| clip.cancel_load()) />
                {move || loaded().map(|loaded| view! {
                    <p class="device-line cpu" data-testid="clip-loaded">
                        {loaded.info.model_name.clone()} " is ready on the processor, not checked: no values are stored for this file, "
                        {bytes_in_words(loaded.heap_bytes)} " of memory."
                    </p>
                })}
                <div class="field">
                    <label for="clip-files">"Open the three files together"</label>
                    <input type="file" id="clip-files" data-testid="clip-files" multiple=true accept=".safetensors,.json"
                        disabled=loading on:change=choose />
                    <span class="hint">"They are read where they lie and stay on this device."</span>
                </div>
                {move || failed().map(|detail| view! { <p role="alert" data-testid="clip-failed">"Not loaded: " {detail} "."</p> })}
                {move || refused.get().map(|sentence| view! { <p role="alert" data-testid="clip-refused">{sentence}</p> })}
                <form class="field" on:submit=move |event| {
                    event.prevent_default();
                    let address = url.get_untracked().trim().to_owned();
                    if !address.is_empty() {
                        refused.set(None);
                        clip.load_folder(address);
                    }
                }>
                    <label for="clip-url">"or the address of the folder that has them"</label>
                    <div class="row">
                        <input type="url" id="clip-url" data-testid="clip-url" placeholder="https://" pattern="https://.+"
                            title="An address that begins with https://" required aria-describedby="clip-url-hint"
                            prop:value=move || url.get() on:input=move |event| url.set(event_target_value(&event)) />
                        <button type="submit" data-testid="clip-load" disabled=loading>"Load"</button>
                    </div>
                    <span class="hint" id="clip-url-hint">
                        "Your browser asks that host for the files, so the host learns your network address; it must allow other sites to \
                         read them (CORS)."
                    </span>
                </form>
                <details>
                    <summary>"The eleven prompts"</summary>
                    <ul>{prompts}</ul>
                </details>
            </div>
        </details>
    }
}
