//! A class: a link with everything locked, packets collected without a server, and what they say together, live.

use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_router::NavigateOptions;
use leptos_router::components::A;
use leptos_router::hooks::use_navigate;

use super::build_page::files_of;
use super::judge_end::{model_can_rate, model_ratings, save};
use crate::platform;
use crate::protocol::NoticeKind;
use crate::report::class_figures::{figures, participant_table, sentences};
use crate::report::class_groups::{group_table, view_table};
use crate::report::class_summary::{BesideModel, ClassSummary, beside_model, class_summary};
use crate::report::export::zip_of;
use crate::report::figure::{Cell, Table};
use crate::report::study_formats::{Format, TextFile, export};
use crate::store::answers::Answers;
use crate::store::{Collection, Record};
use crate::study::frames::Assembly;
use crate::study::gathering::{Gathered, Merged};
use crate::study::judgment::Judgment;
use crate::study::packet::Packet;
use crate::study::session::SessionRecord;
use crate::study::study::{MAX_BYTES, Study};
use crate::ui::charts::{Chart, short};
use crate::ui::components::camera_reader::CameraReader;
use crate::ui::components::model_participant::ModelParticipant;
use crate::ui::download;
use crate::ui::state::{State, use_state, words_of};
use crate::ui::study_source::{Wanted, link_of, shipped, use_wanted};
use crate::ui::{Heading, to};

/// Largest file of answers.
const MAX_FILE_BYTES: f64 = 256e6;

/// What the page knows of the class.
#[derive(Clone, Copy)]
struct Class {
    state: State,
    gathered: RwSignal<Option<Gathered>>,
    summary: RwSignal<Option<ClassSummary>>,
    model: RwSignal<Option<(String, BesideModel)>>,
    said: RwSignal<String>,
    refused: RwSignal<Vec<String>>,
    busy: RwSignal<bool>,
}

impl Class {
    fn new(state: State) -> Self {
        Self {
            state,
            gathered: RwSignal::new(None),
            summary: RwSignal::new(None),
            model: RwSignal::new(None),
            said: RwSignal::new(String::new()),
            refused: RwSignal::new(Vec::new()),
            busy: RwSignal::new(false),
        }
    }

    /// Opens a study with everything that was collected of it before.
    async fn open(self, wanted: Wanted) {
        self.gathered.set(None);
        self.summary.set(None);
        self.refused.set(Vec::new());
        self.said.set(String::new());
        match wanted.study(self.state).await {
            Ok(study) => {
                let packets: Vec<Packet> = self.state.list(Collection::Packets, Some(&study.hash())).await;
                let answers = Answers { packets: packets.into_iter().map(Ok).collect(), ..Answers::default() };
                let (mut gathered, mut merged) = (Gathered::new(study), Merged::default());
                answers.merge(&mut gathered, &mut merged, &mut |_| {});
                self.refused.set(merged.refused);
                self.show(gathered).await;
            }
            Err((kind, detail)) => self.state.notify(kind, detail),
        }
    }

    /// Computes everything anew from the records.
    async fn show(self, gathered: Gathered) {
        let summary = (!gathered.is_empty()).then(|| class_summary(&gathered));
        let model = match (&summary, model_can_rate(gathered.study())) {
            (Some(ClassSummary { similarity: Some(found), .. }), true) => {
                model_ratings(self.state, &found.labels).await.and_then(|(run, _, matrix)| {
                    Some((run.engine.model_name.clone(), beside_model(&gathered, found, &matrix).ok()?))
                })
            }
            _ => None,
        };
        self.model.set(model);
        self.summary.set(summary);
        self.gathered.set(Some(gathered));
    }

    /// Takes in files or pasted texts: stored first, then shown.
    async fn take(self, texts: Vec<(String, String)>) {
        // The page may have been left meanwhile.
        let Some(mut gathered) = self.gathered.try_get_untracked().flatten() else { return };
        self.busy.set(true);
        let mut merged = Merged::default();
        let mut records = Vec::new();
        for (name, text) in texts {
            // A turn for the page between files.
            platform::breathe().await;
            // Codes of QR sequences may stand in the text.
            let text = Assembly::joined(&text);
            match Answers::read(&text) {
                Ok(answers) => answers.merge(&mut gathered, &mut merged, &mut |session| {
                    records.push(Record::of_packet(&Packet::of_session(session)));
                }),
                Err(error) => merged.refused.push(format!("{name}: {error}")),
            }
        }
        if records.is_empty() || self.state.save(&records).await {
            self.said.set(format!(
                "{} new, {} longer than before, {} already here, {} kept out.",
                merged.n_new,
                merged.n_longer,
                merged.n_duplicates,
                merged.refused.len()
            ));
            self.refused.set(merged.refused);
            self.show(gathered).await;
        }
        self.busy.set(false);
    }

    /// Takes in what people answered on this device.
    async fn take_own(self) {
        let Some(hash) = self.gathered.with_untracked(|it| it.as_ref().map(|it| it.study().hash())) else { return };
        let sessions: Vec<SessionRecord> = self.state.list(Collection::Sessions, None).await;
        let mut texts = Vec::new();
        for record in sessions.into_iter().filter(|record| record.study_sha256 == hash) {
            let judgments: Vec<Judgment> = self.state.list(Collection::Judgments, Some(&record.id)).await;
            let text = serde_json::json!({ "session": record, "judgments": judgments }).to_string();
            texts.push(("this browser".to_owned(), text));
        }
        self.take(texts).await;
    }
}

/// Link for pupils, and how to choose another study.
#[component]
fn Invite(class: Class, study: Study, open: Memo<Wanted>) -> impl IntoView {
    let state = class.state;
    let link = match open.get_untracked() {
        Wanted::Shipped(id) => Some(format!("{}judge?study={id}#class=1", state.site_root())),
        _ => link_of(state, "judge#class=1", &study),
    };
    let studies = LocalResource::new(move || shipped(state));
    let navigate = use_navigate();
    let choose = move |event: web_sys::Event| {
        let id = event_target_value(&event);
        if !id.is_empty() {
            navigate(&format!("/class?study={id}"), NavigateOptions::default());
        }
    };
    let read = move |event: web_sys::Event| {
        let Some(file) = files_of(&event).into_iter().next() else { return };
        spawn_local(async move {
            if file.size() > MAX_BYTES as f64 {
                return state.notify(NoticeKind::BadItems, format!("the file has more than {MAX_BYTES} bytes"));
            }
            match gloo::file::futures::read_as_text(&file.into()).await {
                Ok(text) => class.open(Wanted::Link(text)).await,
                Err(error) => state.notify(NoticeKind::BadItems, error.to_string()),
            }
        });
    };
    let here = match open.get_untracked() {
        Wanted::Shipped(id) => id,
        _ => String::new(),
    };
    view! {
        <section class="panel stack" data-testid="invite">
            <h2>"1. Hand out the link"</h2>
            <div class="fields">
                <div class="field">
                    <label for="class-study">"Study"</label>
                    <select id="class-study" data-testid="class-study" on:change=choose>
                        <option value="" selected=here.is_empty()>{study.title.clone()}</option>
                        {move || studies.get().unwrap_or_default().into_iter().map(|(id, title)| {
                            let chosen = id == here;
                            view! { <option value=id selected=chosen>{title}</option> }
                        }).collect_view()}
                    </select>
                </div>
                <div class="field">
                    <label for="class-file">"Or a study file"</label>
                    <input type="file" id="class-file" data-testid="class-file" accept=".json" on:change=read />
                </div>
            </div>
            {match link {
                Some(link) => view! {
                    <div class="field">
                        <label for="class-link">"Link for the class"</label>
                        <input id="class-link" data-testid="class-link" readonly=true prop:value=link />
                        <span class="hint">"It opens the study and nothing else. Nobody types a name. At the end everybody gets a packet to hand in: a text or a file."</span>
                    </div>
                }.into_any(),
                None => view! { <p>"This study is too long for a link (it holds pictures): put its file on the site's host, or open it on each device under Judge, Another study."</p> }.into_any(),
            }}
        </section>
    }
}

/// Where packets come in.
#[component]
fn Collect(class: Class) -> impl IntoView {
    let pasted = RwSignal::new(String::new());
    let files = move |event: web_sys::Event| {
        let files = files_of(&event);
        spawn_local(async move {
            let mut texts = Vec::new();
            for file in files {
                let name = file.name();
                if file.size() > MAX_FILE_BYTES {
                    class.state.notify(NoticeKind::BadImport, format!("{name} is too big"));
                    continue;
                }
                match gloo::file::futures::read_as_text(&file.into()).await {
                    Ok(text) => texts.push((name, text)),
                    Err(error) => class.state.notify(NoticeKind::BadImport, format!("{name}: {error}")),
                }
            }
            class.take(texts).await;
        });
    };
    let paste = move |_| {
        let text = pasted.get_untracked();
        spawn_local(async move {
            class.take(vec![("what was pasted".to_owned(), text)]).await;
            pasted.set(String::new());
        });
    };
    view! {
        <section class="panel stack" data-testid="collect">
            <h2>"2. Collect"</h2>
            <div class="fields">
                <div class="field">
                    <label for="class-packets">"Files with packets, saved answers or backups"</label>
                    <input type="file" id="class-packets" data-testid="class-packets" multiple=true accept=".txt,.json,.jsonl" on:change=files />
                </div>
                <div class="field">
                    <label for="class-paste">"Or paste packets here, any number at once"</label>
                    <textarea id="class-paste" data-testid="class-paste" rows="3" prop:value=move || pasted.get() on:input=move |event| pasted.set(event_target_value(&event))></textarea>
                </div>
            </div>
            <div class="row">
                <button type="button" class="primary" data-testid="class-take" disabled=move || class.busy.get() || pasted.with(|text| text.trim().is_empty()) on:click=paste>"Take in what I pasted"</button>
                <button type="button" data-testid="class-own" disabled=move || class.busy.get() on:click=move |_| spawn_local(class.take_own())>"Take in what was answered on this device"</button>
            </div>
            <CameraReader packet=Callback::new(move |text| spawn_local(class.take(vec![("the camera".to_owned(), text)]))) />
            <p role="status" data-testid="class-status">{move || if class.busy.get() { "Reading…".to_owned() } else { class.said.get() }}</p>
            {move || {
                let refused = class.refused.get();
                (!refused.is_empty()).then(|| view! {
                    <details open=true data-testid="class-refused">
                        <summary>{format!("{} kept out, and why", refused.len())}</summary>
                        <ul>{refused.into_iter().map(|why| view! { <li>{why}</li> }).collect_view()}</ul>
                    </details>
                })
            }}
        </section>
    }
}

/// A table that may be wider than the page.
#[component]
fn TableView(name: &'static str, id: &'static str, table: Table) -> impl IntoView {
    view! {
        <div class="scroll-x" tabindex="0" role="region" aria-label=name>
            <table data-testid=id>
                <thead><tr>{table.columns.into_iter().map(|head| view! { <th scope="col">{head}</th> }).collect_view()}</tr></thead>
                <tbody>{table.rows.into_iter().map(|row| view! {
                    <tr>{row.into_iter().map(|cell| view! { <td>{match cell {
                        Cell::Text(text) => text,
                        Cell::Number(number) => short(number),
                        Cell::Missing => "–".to_owned(),
                    }}</td> }).collect_view()}</tr>
                }).collect_view()}</tbody>
            </table>
        </div>
    }
}

/// Everybody's answers in the forms that other programs read.
#[component]
fn SaveAs(class: Class, study: Study) -> impl IntoView {
    let chosen = RwSignal::new(Format::Csv.name().to_owned());
    let options = Format::ALL.into_iter().filter(|it| it.fits(&study)).map(|it| {
        view! { <option value=it.name()>{it.title()}</option> }
    });
    let options = options.collect_view();
    let save_as = move |_| {
        let Some(format) = Format::parse(&chosen.get_untracked()) else { return };
        let made = class.gathered.with_untracked(|it| it.as_ref().map(|it| export(it, format)));
        let offered = match made {
            None => return,
            Some(Err(error)) => Err(error.to_string()),
            Some(Ok(files)) => {
                // Some forms have no place for it inside.
                let simulated = class
                    .gathered
                    .with_untracked(|it| it.as_ref().is_some_and(|it| it.sessions().any(|it| it.record.simulated)));
                let name = if simulated { format!("simulated-{}", study.id) } else { study.id.clone() };
                offer_files(&name, format, files)
            }
        };
        if let Err(detail) = offered {
            class.state.notify(NoticeKind::Unexpected, detail);
        }
    };
    view! {
        <div class="fields">
            <div class="field">
                <label for="class-format">"Everybody's answers for other programs"</label>
                <select id="class-format" data-testid="class-format" aria-describedby="class-format-hint" on:change=move |event| chosen.set(event_target_value(&event))>{options}</select>
                <span class="hint" id="class-format-hint">"Sessions by their random ids, without names; several files come as one ZIP. If any session is simulated, the file's name says so."</span>
            </div>
        </div>
        <p><button type="button" data-testid="class-save-as" on:click=save_as>"Save the answers"</button></p>
    }
}

/// Offers one file as it is and several as a ZIP.
fn offer_files(study: &str, format: Format, files: Vec<TextFile>) -> Result<(), String> {
    let offered = if let [file] = files.as_slice() {
        download::offer(&format!("{study}-{}", file.path), "text/plain", &file.text)
    } else {
        let members = files.into_iter().map(|file| (file.path, file.text.into_bytes())).collect();
        let bytes = zip_of(members).map_err(|error| error.to_string())?;
        download::offer_bytes(&format!("{study}-{}.zip", format.name()), "application/zip", &bytes)
    };
    offered.map_err(|error| words_of(&error))
}

/// What the class says.
#[component]
fn Together(class: Class, study: Study, summary: ClassSummary) -> impl IntoView {
    let state = class.state;
    let who = if summary.simulated { "simulated participants" } else { "participants" };
    let counts = [
        (who.to_owned(), summary.n_participants.to_string()),
        ("finished".to_owned(), summary.n_finished.to_string()),
        ("answers that count".to_owned(), summary.n_main.to_string()),
        ("flagged, none left out".to_owned(), summary.n_flagged.to_string()),
    ];
    let flags: Vec<String> = summary.flags.iter().map(|(flag, n)| format!("{n} with {}", flag.label())).collect();
    let beside = class.model.get_untracked().map(|(name, found)| {
        format!(
            "{name} agrees with the class's mean by rho = {:.2} ({} pairs), and with single participants by rho = {:.2} on \
             average ({} participants): that is the number to hold against the noise ceiling.",
            found.rho, found.n_pairs, found.mean_rho, found.n_participants
        )
    });
    let table = participant_table(&summary);
    let numbers = serde_json::to_string_pretty(&summary).map_err(|error| error.to_string());
    let name = format!("class-{}.json", study.id);
    let packets_name = format!("packets-{}.txt", study.id);
    let packets = move |_| {
        let hash = class.gathered.with_untracked(|it| it.as_ref().map(|it| it.study().hash()));
        let packets_name = packets_name.clone();
        spawn_local(async move {
            let Some(hash) = hash else { return };
            let all: Vec<Packet> = state.list(Collection::Packets, Some(&hash)).await;
            let text: Vec<String> = all.iter().map(Packet::text).collect();
            save(state, &packets_name, "text/plain", Ok(text.join("\n")));
        });
    };
    view! {
        <dl class="counts" data-testid="class-counts">
            {counts.into_iter().map(|(name, value)| view! { <div><dt>{name}</dt><dd>{value}</dd></div> }).collect_view()}
        </dl>
        {(!flags.is_empty()).then(|| view! { <p>"Flags: " {flags.join(", ")} "."</p> })}
        <ul data-testid="class-sentences">
            {sentences(&summary).into_iter().chain(beside).map(|it| view! { <li>{it}</li> }).collect_view()}
        </ul>
        {view_table(&summary.groups).map(|table| view! {
            <details class="class-details" data-testid="views">
                <summary>"One mind, groups, or degrees between prototypes"</summary>
                <TableView name="How well each view predicts held-out answers" id="class-views" table=table />
                <p class="hint">"A fifth of every participant's answers is predicted from the other four fifths, in turn. Groups put a participant into one of them; prototypes place each between them, as a mixture (ideal points, after PAL, Chen et al. 2024). Higher is better; where answers are numbers these are densities and may lie above 0. How many groups or prototypes there are was chosen by the same answers. In studies of triplets an answer stands for its pairs, some of which may be held out while others are not: more groups then look better than they are."</p>
            </details>
        })}
        {group_table(&summary.groups).map(|table| view! {
            <section class="stack" data-testid="groups">
                <h3>"Where the groups differ most"</h3>
                <TableView name="Where the groups differ most" id="class-groups" table=table />
                <p class="hint">"What each group typically says. Numbers are standard deviations from each participant's own mean, so that using the ends of a scale more makes nobody different."</p>
            </section>
        })}
        <div class="class-figures">{figures(&study, &summary).into_iter().map(|figure| view! { <Chart figure=figure /> }).collect_view()}</div>
        <details class="class-details">
            <summary>"Every participant"</summary>
            <TableView name="Every participant" id="class-participants" table=table />
        </details>
        <div class="row">
            <button type="button" data-testid="class-numbers" on:click=move |_| save(state, &name, "application/json", numbers.clone())>"Save these numbers"</button>
            <button type="button" data-testid="class-save-packets" on:click=packets>"Save all packets in one file"</button>
        </div>
        <SaveAs class=class study=study />
    }
}

/// A class.
#[component]
pub fn ClassPage() -> impl IntoView {
    let class = Class::new(use_state());
    let open = use_wanted();
    let projector = RwSignal::new(false);
    Effect::new(move |_| spawn_local(class.open(open.get())));
    // Not drawn anew with every packet.
    let study = Memo::new(move |_| class.gathered.with(|it| it.as_ref().map(|it| it.study().clone())));
    let invite = move || study.get().map(|study| view! { <Invite class=class study=study open=open /> });
    let result = move || {
        match (study.get(), class.summary.get()) {
            (Some(study), Some(summary)) => {
                view! { <Together class=class study=study summary=summary /> }.into_any()
            }
            _ => view! { <p data-testid="class-empty">"No packet yet. What comes in is shown here at once, computed anew from every record."</p> }.into_any(),
        }
    };
    view! {
        <div class="stack" class:projector=move || projector.get() data-testid="class-page">
            <Heading text="Ask a class" />
            <p class="lede">"Everybody takes part on a device of their own and hands in a packet. Your tab puts them together; no server, no account and no name is involved. " <A href=to("/lesson") attr:data-testid="to-lesson">"A lesson of five cards"</A> " uses it."</p>
            <div class="stack projector-hides">{invite} <Collect class=class /></div>
            <section class="stack" data-testid="together">
                <h2 class="projector-hides">"3. What the class says"</h2>
                <p><button type="button" data-testid="projector" aria-pressed=move || projector.get().to_string() on:click=move |_| projector.update(|it| *it = !*it)>
                    {move || if projector.get() { "Leave the projector view" } else { "Projector view: large type" }}
                </button></p>
                {result}
            </section>
            {move || study.get().map(|study| view! { <ModelParticipant study=study people=class.gathered /> })}
        </div>
    }
}
