//! A set of pictures in `VisAlign`'s shape, opened from an archive or a folder: what is in it, one picture of it, all of
//! them.

use leptos::prelude::*;
use wasm_bindgen::{JsCast, JsValue};

use super::sight_page::{Choices, Side};
use crate::app::sight::Sight;
use crate::eval::picture_set::{PictureSet, gold_in_words};
use crate::eval::sight::Labels;
use crate::eval::tasks::visalign::with_crops;

/// The files of an input, with the folder's paths where it has them.
fn files_of(event: &web_sys::Event) -> Vec<(String, web_sys::File)> {
    let input = event.target().and_then(|target| target.dyn_into::<web_sys::HtmlInputElement>().ok());
    let list = input.and_then(|input| input.files());
    let path = |file: &web_sys::File| {
        let path = js_sys::Reflect::get(file, &JsValue::from_str("webkitRelativePath")).ok();
        path.and_then(|path| path.as_string()).filter(|path| !path.is_empty()).unwrap_or_else(|| file.name())
    };
    list.map(|list| (0..list.length()).filter_map(|at| list.get(at)).map(|file| (path(&file), file)).collect())
        .unwrap_or_default()
}

fn preview(set: &PictureSet) -> impl IntoView + use<> {
    let rows = set
        .counts()
        .into_iter()
        .map(|(category, words, n, gold)| {
            view! { <tr><th scope="row">{category} ": " {words}</th><td class="number">{n}</td><td class="number">{gold}</td></tr> }
        })
        .collect_view();
    let refused = (set.n_refused > 0).then(|| {
        let told = set.refused.iter().map(|line| view! { <li>{line.clone()}</li> }).collect_view();
        view! {
            <details data-testid="sight-set-refused">
                <summary>{format!("{} files are no part of it", set.n_refused)}</summary>
                <ul>{told}</ul>
            </details>
        }
    });
    view! {
        <p role="status" data-testid="sight-set-said">
            {format!("{}: {} pictures. {}", set.name, set.items.len(), set.attribution)}
        </p>
        <div class="table-scroll">
            <table data-testid="sight-set-counts">
                <caption>"What is in the set"</caption>
                <thead><tr><th scope="col">"Category"</th><th scope="col">"Pictures"</th><th scope="col">"With a gold label"</th></tr></thead>
                <tbody>{rows}</tbody>
            </table>
        </div>
        {refused}
    }
}

/// Opens a set and runs it.
#[component]
pub fn PictureSetPanel(
    /// The models of the page; each loaded one opens the set.
    sides: [Side; 2],
    /// What a person chose on the page.
    choices: Choices,
) -> impl IntoView {
    let any = move |of: fn(&Sight) -> bool| sides.into_iter().any(|side| side.sight.sight.with(of));
    let ready = move || any(|sight| sight.models.loaded.is_some());
    let busy = move || any(|sight| sight.runs.command().is_some());
    let opening = move || any(Sight::is_opening);
    let first = move |side: &Side| side.is_loaded();
    let refused =
        move || sides.into_iter().find(first).and_then(|side| side.sight.sight.with(|sight| sight.set_refused.clone()));
    let set = Memo::new(move |_| sides.into_iter().find_map(|side| side.sight.sight.with(|sight| sight.set.clone())));
    let open = move |name: String, paths: Vec<String>, files: &[web_sys::File]| {
        for side in sides.into_iter().filter(|side| side.sight.sight.with_untracked(|it| it.models.loaded.is_some())) {
            side.sight.open_set(name.clone(), paths.clone(), files);
        }
    };
    let open_archive = move |event: web_sys::Event| {
        if let Some((name, file)) = files_of(&event).into_iter().next() {
            open(name, Vec::new(), &[file]);
        }
    };
    let open_folder = move |event: web_sys::Event| {
        let files = files_of(&event);
        let name = files.first().and_then(|(path, _)| path.split('/').next()).unwrap_or_default().to_owned();
        let (paths, files): (Vec<String>, Vec<web_sys::File>) = files.into_iter().unzip();
        if !paths.is_empty() {
            open(name, paths, &files);
        }
    };
    let run = move |side: Side| {
        let Some(set) = side.sight.sight.with_untracked(|sight| sight.set.clone()) else { return };
        let items = if choices.crops.get_untracked() { with_crops(set.items) } else { set.items };
        side.sight.run(&items, 1);
    };
    let options = move || {
        let current = choices.source.get();
        set.get().map(|set| {
            set.items
                .iter()
                .map(|item| {
                    let source = item.part("source").to_owned();
                    let selected = source == current;
                    let words = format!("{} ({})", item.id, gold_in_words(item));
                    view! { <option value=source selected=selected>{words}</option> }
                })
                .collect_view()
        })
    };
    view! {
        <section class="panel stack">
            <h2>"VisAlign's pictures, or a set of your own"</h2>
            <p id="sight-set-hint">
                "The published open test set has 900 pictures in eight categories with gold labels (Lee et al. 2023, CC BY 4.0). It \
                 comes as a parquet file and a pickle, which a browser should not run: "
                <code>"python3 tools/visalign_set.py"</code>
                " makes a ZIP archive of them. Any archive or folder of the same shape is read: folders category1 to category8, and \
                 tables of labels. The pictures stay in this browser and are gone with the tab; the results are kept."
            </p>
            <div class="form-grid">
                <div class="field">
                    <label for="sight-archive">"Open a ZIP archive (or drop it here)"</label>
                    <input type="file" id="sight-archive" data-testid="sight-archive" accept=".zip" aria-describedby="sight-set-hint"
                        disabled=move || !ready() || busy() on:change=open_archive />
                </div>
                <div class="field">
                    <label for="sight-folder">"or a folder"</label>
                    <input type="file" id="sight-folder" data-testid="sight-folder" prop:webkitdirectory=true multiple=true
                        disabled=move || !ready() || busy() on:change=open_folder />
                </div>
            </div>
            <p class="hint" role="status">
                {move || match (ready(), opening()) {
                    (false, _) => "Load the picture model first.",
                    (_, true) => "Reading the set.",
                    _ => "",
                }}
            </p>
            {move || refused().map(|detail| view! { <p role="alert" data-testid="sight-set-refusal">"Not opened: " {detail} "."</p> })}
            {move || set.get().map(|set| preview(&set))}
            <Show when=move || set.with(Option::is_some)>
                <div class="field">
                    <label for="sight-set-picture">"Look at one of them"</label>
                    <select id="sight-set-picture" data-testid="sight-set-picture" on:change=move |event| {
                        choices.own_answer.set(None);
                        choices.source.set(event_target_value(&event));
                    }>
                        <option value="">"choose a picture"</option>
                        {options}
                    </select>
                </div>
                <div class="row">
                    {sides.map(|side| {
                        let with = if side.labels == Labels::ImageNet { "" } else { " with CLIP" };
                        let n = move || set.with(|set| set.as_ref().map_or(0, |set| set.items.len()));
                        view! {
                            <Show when=move || side.sight.sight.with(|sight| sight.set.is_some())>
                                <button type="button" class="primary" data-testid=format!("{}-set-run", side.prefix)
                                    disabled=move || busy() || !side.is_loaded() on:click=move |_| run(side)>
                                    {move || format!("Run the {} pictures of the set{with}", n())}
                                </button>
                            </Show>
                        }
                    }).into_iter().collect_view()}
                </div>
            </Show>
        </section>
    }
}
