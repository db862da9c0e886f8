//! The part of the builder's form about what happens around the trials.

use leptos::prelude::*;

use crate::study::conduct::{KNOWN_HOSTS, ResumePolicy};
use crate::study::delivery::{Collect, MAX_BYTES, Server};
use crate::ui::components::field::{CountField, TextField};
use crate::ui::state::State;

/// Where `DataPipe` takes files.
const DATAPIPE: &str = "https://pipe.jspsych.org/api/data/";

/// Coming back, handing answers on, and leaving for another site.
#[component]
pub(super) fn ConductForm(
    /// The app.
    state: State,
    /// What is wrong with the control of this name.
    error: Callback<&'static str, Signal<Option<String>>>,
) -> impl IntoView {
    let policy = Memo::new(move |_| state.draft.with(|draft| draft.resume.policy));
    let age = Signal::derive(move || state.draft.with(|draft| draft.resume.max_age_hours.unwrap_or(0)));
    let set_age = Callback::new(move |hours: u32| {
        state.draft.update(|draft| draft.resume.max_age_hours = (hours > 0).then_some(hours));
    });
    let redirect = Signal::derive(move || state.draft.with(|draft| draft.redirect.clone()));
    let set_redirect = Callback::new(move |value| state.draft.update(|draft| draft.redirect = value));
    let server = Memo::new(move |_| state.draft.with(|draft| draft.collect.as_ref().map(|it| it.server)));
    let with_ids =
        Signal::derive(move || state.draft.with(|draft| draft.collect.as_ref().is_some_and(|it| it.recruitment)));
    let endpoint = Signal::derive(move || {
        state.draft.with(|draft| draft.collect.as_ref().map(|it| it.endpoint.clone()).unwrap_or_default())
    });
    let set_endpoint = Callback::new(move |value| {
        state.draft.update(|draft| {
            if let Some(it) = &mut draft.collect {
                it.endpoint = value;
            }
        });
    });
    let experiment = Signal::derive(move || {
        state.draft.with(|draft| draft.collect.as_ref().and_then(|it| it.experiment_id.clone()).unwrap_or_default())
    });
    let set_experiment = Callback::new(move |value| {
        state.draft.update(|draft| {
            if let Some(it) = &mut draft.collect {
                it.experiment_id = Some(value);
            }
        });
    });
    let redirect_hint = format!(
        "Left empty, only a completion code is shown. An https: address; {{code}} in it stands for the code. {} are known; \
         of any other host participants are told that you chose it.",
        KNOWN_HOSTS.join(", ")
    );
    view! {
        <fieldset class="panel stack">
            <legend>"Coming back, handing on, leaving"</legend>
            <p class="hint">"Ids that Prolific, Mechanical Turk, JATOS, Salmon or Pavlovia put into the link are taken out of the address at once; only salted hashes are kept. For Prolific, add ?PROLIFIC_PID={{%PROLIFIC_PID%}}&STUDY_ID={{%STUDY_ID%}}&SESSION_ID={{%SESSION_ID%}} to the link, before the #."</p>
            <div class="fields">
                <div class="field">
                    <label for="draft-resume">"An unfinished session"</label>
                    <select id="draft-resume" data-testid="draft-resume" on:change=move |event| {
                        let chosen = event_target_value(&event);
                        if let Some(policy) = ResumePolicy::ALL.into_iter().find(|it| it.id() == chosen) {
                            state.draft.update(|draft| draft.resume.policy = policy);
                        }
                    }>
                        {ResumePolicy::ALL.into_iter().map(|it| view! { <option value=it.id() selected=move || policy.get() == it>{it.title()}</option> }).collect_view()}
                    </select>
                    <span class="hint">"When its participant comes back."</span>
                </div>
                <CountField id="draft-max-age" label="Hours in which it can be gone on with".to_owned() hint="0 for no limit." value=age set=set_age error=error.run("draft-max-age") />
            </div>
            <div class="field">
                <label for="draft-server">"Finished sessions"</label>
                <select id="draft-server" data-testid="draft-server" on:change=move |event| {
                    let server = match event_target_value(&event).as_str() {
                        "datapipe" => Some(Server::DataPipe),
                        "generic" => Some(Server::Generic),
                        _ => None,
                    };
                    state.draft.update(|draft| {
                        draft.collect = server.map(|server| {
                            let before = draft.collect.take();
                            let experiment_id = (server == Server::DataPipe).then(|| before.as_ref().and_then(|it| it.experiment_id.clone()).unwrap_or_default());
                            let endpoint = before.as_ref().map_or_else(|| if server == Server::DataPipe { DATAPIPE.to_owned() } else { String::new() }, |it| it.endpoint.clone());
                            Collect { endpoint, server, experiment_id, max_bytes: MAX_BYTES, recruitment: before.is_some_and(|it| it.recruitment) }
                        });
                    });
                }>
                    <option value="none" selected=move || server.get().is_none()>"stay with whoever gave them"</option>
                    <option value="datapipe" selected=move || server.get() == Some(Server::DataPipe)>"are sent to DataPipe (OSF)"</option>
                    <option value="generic" selected=move || server.get() == Some(Server::Generic)>"are sent to a server of your own"</option>
                </select>
                <span class="hint">"Only of participants who agree to it, and only once they have answered everything: a session that was left is never sent. What cannot be sent at once waits in their browser."</span>
            </div>
            <Show when=move || server.get().is_some()>
                <div class="fields">
                    <TextField id="draft-endpoint" label="Address of the server".to_owned() hint="https: only. Your own server gets JSON with study, session and data, and an Idempotency-Key; a reply of 2xx means that it is kept.".to_owned() value=endpoint set=set_endpoint error=error.run("draft-endpoint") />
                    <Show when=move || server.get() == Some(Server::DataPipe)>
                        <TextField id="draft-experiment" label="DataPipe's experiment id".to_owned() hint="From the page of your experiment on pipe.jspsych.org.".to_owned() value=experiment set=set_experiment />
                    </Show>
                </div>
                <p>
                    <input type="checkbox" id="draft-recruitment" data-testid="draft-recruitment" prop:checked=move || with_ids.get()
                        on:change=move |event| { let on = event_target_checked(&event); state.draft.update(|draft| if let Some(it) = &mut draft.collect { it.recruitment = on }); } />
                    " " <label for="draft-recruitment">"Send the hashed recruitment ids with the answers; participants are told"</label>
                </p>
            </Show>
            <TextField id="draft-redirect" label="Where to after the last trial".to_owned() hint=redirect_hint value=redirect set=set_redirect error=error.run("draft-redirect") />
        </fieldset>
    }
}
