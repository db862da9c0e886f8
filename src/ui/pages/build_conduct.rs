//! The part of the builder's form about what happens around the trials.

use leptos::prelude::*;

use crate::study::conduct::{KNOWN_HOSTS, ResumePolicy};
use crate::ui::components::field::{CountField, TextField};
use crate::ui::state::State;

/// Coming back, and leaving for another site.
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
    let redirect_hint = format!(
        "Left empty, only a completion code is shown. An https: address; {{code}} in it stands for the code. {} are known; \
         of any other host participants are told that you chose it.",
        KNOWN_HOSTS.join(", ")
    );
    view! {
        <fieldset class="panel stack">
            <legend>"Coming back and leaving"</legend>
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
            <TextField id="draft-redirect" label="Where to after the last trial".to_owned() hint=redirect_hint value=redirect set=set_redirect error=error.run("draft-redirect") />
        </fieldset>
    }
}
