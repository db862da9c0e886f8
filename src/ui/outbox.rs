//! Sessions that wait to be sent to the server that their study names. A delivery is stored when the participant agrees
//! to it, and only its record says that it was sent: the answers themselves are read from the store at each attempt, so
//! that reloads, crashes and times without a network lose and double nothing.

use leptos::prelude::*;
use leptos::task::spawn_local;

use super::download;
use super::state::{State, use_state, words_of};
use crate::platform;
use crate::platform::tab_lock::try_lock;
use crate::protocol::NoticeKind;
use crate::store::answers::Saved;
use crate::store::{Collection, Record, backup, collector};
use crate::study::delivery::{Collect, Delivery, DeliveryState, Reply, pause_seconds};
use crate::study::judgment::Judgment;
use crate::study::recruitment::Recruitment;
use crate::study::session::{Session, SessionRecord};
use crate::study::study::Study;

/// A finished session that the server does not have yet.
#[derive(Debug, Clone, PartialEq)]
pub struct Waiting {
    /// Its delivery.
    pub delivery: Delivery,
    /// Why the server refused it, or what went wrong the last time.
    pub trouble: Option<String>,
    /// Whether there is no use in asking again by itself.
    pub is_refused: bool,
}

/// What the page knows of the outbox.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Outbox {
    /// What waits, oldest first.
    pub waiting: Vec<Waiting>,
    /// Whether something is being sent now.
    pub sending: bool,
    n_failed: usize,
}

/// A session with everything that is sent of it.
struct Parcel {
    study: Study,
    collect: Collect,
    saved: Saved,
}

impl State {
    /// The newest delivery of a session, if its participant agreed to one.
    pub async fn delivery_of(self, session_id: &str) -> Option<Delivery> {
        self.get(Collection::Deliveries, session_id).await
    }

    /// What is to be sent of a session, if it is finished.
    async fn parcel(self, delivery: &Delivery) -> Option<Parcel> {
        let study: Study = self.get(Collection::Studies, &delivery.study_sha256).await?;
        // The address that was agreed to, and no other.
        let collect = study.collect.clone().filter(|it| it.host() == delivery.host)?;
        let session: SessionRecord = self.get(Collection::Sessions, &delivery.session_id).await?;
        let judgments: Vec<Judgment> = self.list(Collection::Judgments, Some(&delivery.session_id)).await;
        let session = Session::resume(&study, session, &judgments).ok().filter(Session::is_finished)?;
        let recruitment: Option<Recruitment> =
            if collect.recruitment { self.get(Collection::Recruitments, &delivery.session_id).await } else { None };
        let saved = Saved { session: session.record().clone(), judgments: session.records().to_vec(), recruitment };
        Some(Parcel { study, collect, saved })
    }

    /// Reads the outbox from the store; what is known of earlier attempts stays.
    pub async fn read_outbox(self) {
        let mut waiting = Vec::new();
        for delivery in self.list::<Delivery>(Collection::Deliveries, None).await {
            let refused = match &delivery.state {
                DeliveryState::Pending => None,
                DeliveryState::Refused { detail } => Some(detail.clone()),
                DeliveryState::Sent { .. } | DeliveryState::SavedInstead => continue,
            };
            if self.parcel(&delivery).await.is_none() {
                continue;
            }
            let before = self.outbox.with_untracked(|outbox| {
                outbox
                    .waiting
                    .iter()
                    .find(|it| it.delivery.session_id == delivery.session_id)
                    .and_then(|it| it.trouble.clone())
            });
            let is_refused = refused.is_some();
            waiting.push(Waiting { delivery, trouble: refused.or(before), is_refused });
        }
        self.outbox.update(|outbox| outbox.waiting = waiting);
    }

    /// Stores what became of a delivery.
    async fn deliver(self, delivery: &Delivery, state: DeliveryState) {
        self.save(&[Record::of_delivery(&delivery.in_state(state))]).await;
    }

    /// Sends what waits; `all` also what was refused before. One tab at a time.
    pub async fn send_waiting(self, all: bool) {
        if self.outbox.with_untracked(|outbox| outbox.sending) {
            return;
        }
        let Some(_lock) = try_lock("likewise/outbox").await else { return self.read_outbox().await };
        self.outbox.update(|outbox| outbox.sending = true);
        self.read_outbox().await;
        let waiting = self.outbox.with_untracked(|outbox| outbox.waiting.clone());
        let mut failed = false;
        for one in waiting.iter().filter(|it| all || !it.is_refused) {
            let Some(parcel) = self.parcel(&one.delivery).await else { continue };
            let id = &one.delivery.session_id;
            let reply = match serde_json::to_string(&parcel.saved) {
                Err(error) => Reply::Refused(error.to_string()),
                Ok(data) => {
                    let body = parcel.collect.body(&parcel.study, id, &data);
                    if body.len() > parcel.collect.max_bytes as usize {
                        Reply::Refused(format!("{} bytes, {} are taken", body.len(), parcel.collect.max_bytes))
                    } else {
                        collector::post(&parcel.collect, id, body, data.len()).await
                    }
                }
            };
            match reply {
                Reply::Taken => {
                    self.deliver(&one.delivery, DeliveryState::Sent { at: platform::unix_millis() }).await;
                }
                Reply::Refused(detail) => self.deliver(&one.delivery, DeliveryState::Refused { detail }).await,
                Reply::Later(detail) => {
                    failed = true;
                    self.outbox.update(|outbox| {
                        if let Some(it) = outbox.waiting.iter_mut().find(|it| it.delivery.session_id == *id) {
                            it.trouble = Some(detail);
                        }
                    });
                }
            }
        }
        self.read_outbox().await;
        self.outbox.update(|outbox| {
            outbox.sending = false;
            outbox.n_failed = if failed { outbox.n_failed + 1 } else { 0 };
        });
        if failed {
            let n_failed = self.outbox.with_untracked(|outbox| outbox.n_failed);
            spawn_local(async move {
                gloo::timers::future::TimeoutFuture::new((pause_seconds(n_failed) * 1e3) as u32).await;
                // An attempt in the meantime has a pause of its own, or none is needed any more.
                if self.outbox.with_untracked(|outbox| outbox.n_failed) == n_failed {
                    self.send_waiting(false).await;
                }
            });
        }
    }

    /// Saves what waits as one file that this program imports, and sends none of it.
    pub async fn save_waiting(self) {
        let waiting = self.outbox.with_untracked(|outbox| outbox.waiting.clone());
        let (mut records, mut held) = (Vec::new(), Vec::new());
        for one in &waiting {
            let Some(parcel) = self.parcel(&one.delivery).await else { continue };
            let study = Record::of_study(&parcel.study);
            if !records.contains(&study) {
                records.push(study);
            }
            records.push(Record::of_session(&parcel.saved.session));
            records.extend(parcel.saved.judgments.iter().map(Record::of_judgment));
            held.push(&one.delivery);
        }
        let text = records.into_iter().collect::<Result<Vec<_>, _>>().and_then(|records| backup::to_jsonl(&records));
        let offered = text.map_err(|error| error.to_string()).and_then(|text| {
            download::offer("likewise-answers.jsonl", "application/jsonl", &text).map_err(|error| words_of(&error))
        });
        match offered {
            Ok(()) => {
                for delivery in held {
                    self.deliver(delivery, DeliveryState::SavedInstead).await;
                }
                self.read_outbox().await;
            }
            Err(detail) => self.notify(NoticeKind::Unexpected, detail),
        }
    }

    /// Sends what earlier visits left, and again whenever the network comes back.
    pub(super) fn watch_outbox(self) {
        spawn_local(async move { self.send_waiting(false).await });
        let online = window_event_listener(leptos::ev::online, move |_| {
            spawn_local(async move { self.send_waiting(false).await });
        });
        on_cleanup(move || online.remove());
    }
}

/// On every page while something waits.
#[component]
pub fn OutboxBanner() -> impl IntoView {
    let state = use_state();
    let waiting = Memo::new(move |_| state.outbox.with(|outbox| outbox.waiting.clone()));
    let words = move || {
        waiting.with(|waiting| {
            let mut hosts: Vec<&str> = waiting.iter().map(|it| it.delivery.host.as_str()).collect();
            hosts.sort_unstable();
            hosts.dedup();
            let n = match waiting.len() {
                1 => "1 session waits".to_owned(),
                n => format!("{n} sessions wait"),
            };
            format!("{n} to be sent to {}. Nothing is lost: the answers are stored in this browser.", hosts.join(", "))
        })
    };
    let trouble = move || waiting.with(|waiting| waiting.iter().find_map(|it| it.trouble.clone()));
    let sending = move || state.outbox.with(|outbox| outbox.sending);
    view! {
        <Show when=move || !waiting.with(Vec::is_empty)>
            <aside class="memory-banner" data-testid="outbox" aria-label="Outbox">
                <div>
                    <p role="status" data-testid="outbox-words">{words}</p>
                    {move || trouble().map(|it| view! { <p class="hint" data-testid="outbox-trouble">{format!("The last time: {it}.")}</p> })}
                </div>
                <div class="row">
                    <button type="button" data-testid="send-now" disabled=sending on:click=move |_| spawn_local(async move { state.send_waiting(true).await })>{move || if sending() { "Sending…" } else { "Send now" }}</button>
                    <button type="button" class="quiet" data-testid="save-instead" disabled=sending on:click=move |_| spawn_local(async move { state.save_waiting().await })>"Save a file instead"</button>
                </div>
            </aside>
        </Show>
    }
}

/// At the end of a session: whether its answers were sent, or may be.
#[component]
pub fn SendAnswers(
    /// A finished session.
    session: Session,
    /// Where its study asks for answers.
    collect: Collect,
) -> impl IntoView {
    let state = use_state();
    let id = session.record().id.clone();
    let delivery = LocalResource::new(move || {
        state.records_version.get();
        let id = id.clone();
        async move { state.delivery_of(&id).await }
    });
    let study = session.study().clone();
    let id = session.record().id.clone();
    let host = collect.host().to_owned();
    let agree = {
        let collect = collect.clone();
        move |_| {
            let delivery = Delivery::agreed(&study, &collect, &id, platform::unix_millis());
            spawn_local(async move {
                if state.save(&[Record::of_delivery(&delivery)]).await {
                    state.send_waiting(true).await;
                }
            });
        }
    };
    let said = {
        let host = host.clone();
        move || match delivery.get() {
            None => String::new(),
            Some(None) => format!("Nothing of it was sent. You may send your answers to {host} now."),
            Some(Some(it)) => match it.state {
                DeliveryState::Pending => format!("Your answers wait to be sent to {host}."),
                DeliveryState::Sent { .. } => format!("Your answers were sent to {host}."),
                DeliveryState::Refused { detail } => {
                    format!(
                        "{host} does not take your answers ({detail}). Save them as a file and give it to whoever asked you."
                    )
                }
                DeliveryState::SavedInstead => "You saved your answers as a file; they were not sent.".to_owned(),
            },
        }
    };
    let may_send = move || {
        matches!(delivery.get(), Some(None))
            || delivery.get().flatten().is_some_and(|it| matches!(it.state, DeliveryState::SavedInstead))
    };
    view! {
        <section class="panel stack" data-testid="send-answers">
            <h2>"Sending your answers"</h2>
            <p role="status" data-testid="delivery">{said}</p>
            <Show when=may_send>
                <p><button type="button" class="primary" data-testid="send-answers-now" on:click=agree.clone()>{format!("Send my answers to {host}")}</button></p>
            </Show>
        </section>
    }
}
