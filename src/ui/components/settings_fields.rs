//! The settings of a run as controls: the same ones for one task and for a suite.

use leptos::prelude::*;

use super::field::{NumberField, SliderField};
use crate::eval::engine::Sampling;
use crate::eval::run::{Method, PromptFormat, Settings};

/// Settings while a person changes them.
#[derive(Debug, Clone, Copy)]
pub struct SettingsForm {
    /// How the question is put.
    pub method: RwSignal<Method>,
    /// Seed.
    pub seed: RwSignal<u64>,
    system: RwSignal<String>,
    few_shot: RwSignal<bool>,
    temperature: RwSignal<f64>,
    top_p: RwSignal<f64>,
    top_k: RwSignal<u64>,
    /// What has no control here (number of items, longest answer) stays as a link set it.
    others: RwSignal<Settings>,
}

/// What a slider shows, without the digits that only 32 bits have.
fn shown(value: f32) -> f64 {
    libm::round(f64::from(value) * 100.0) / 100.0
}

impl Default for SettingsForm {
    /// The usual settings.
    fn default() -> Self {
        let usual = Settings::default();
        Self {
            method: RwSignal::new(usual.method),
            seed: RwSignal::new(usual.seed),
            system: RwSignal::default(),
            few_shot: RwSignal::new(false),
            temperature: RwSignal::new(shown(usual.sampling.temperature)),
            top_p: RwSignal::new(shown(usual.sampling.top_p)),
            top_k: RwSignal::new(u64::from(usual.sampling.top_k)),
            others: RwSignal::new(usual),
        }
    }
}

impl SettingsForm {
    /// Shows these settings.
    pub fn set(self, settings: Settings) {
        self.method.set(settings.method);
        self.seed.set(settings.seed);
        self.system.set(settings.system.clone());
        self.few_shot.set(settings.format == PromptFormat::FewShot);
        self.temperature.set(shown(settings.sampling.temperature));
        self.top_p.set(shown(settings.sampling.top_p));
        self.top_k.set(u64::from(settings.sampling.top_k));
        self.others.set(settings);
    }

    /// The settings as they are now.
    pub fn get(self) -> Settings {
        let others = self.others.get();
        Settings {
            method: self.method.get(),
            sampling: Sampling {
                temperature: self.temperature.get() as f32,
                top_p: self.top_p.get() as f32,
                top_k: self.top_k.get() as u32,
                ..others.sampling
            },
            seed: self.seed.get(),
            system: self.system.get(),
            format: if self.few_shot.get() { PromptFormat::FewShot } else { PromptFormat::Chat },
            ..others
        }
    }

    /// The settings as they are now, without following them.
    pub fn get_untracked(self) -> Settings {
        untrack(move || self.get())
    }
}

/// How the question is put.
#[component]
pub fn MethodField(
    /// The settings.
    form: SettingsForm,
    /// The ways to choose from.
    #[prop(into)]
    methods: Signal<Vec<Method>>,
) -> impl IntoView {
    let options = move || {
        let option = |it: Method| {
            let (value, words) = match it {
                Method::Choose => ("choose", "Which option is most likely"),
                Method::Generate => ("generate", "Let it write an answer"),
            };
            view! { <option value=value selected=move || form.method.get() == it>{words}</option> }
        };
        methods.get().into_iter().map(option).collect_view()
    };
    view! {
        <div class="field">
            <label for="method">"How the question is put"</label>
            <select id="method" data-testid="method" on:change=move |event| {
                form.method.set(if event_target_value(&event) == "generate" { Method::Generate } else { Method::Choose });
            }>{options}</select>
            <span class="hint">"Writing takes longer and may be unreadable."</span>
        </div>
    }
}

/// System message, form for base models, and how written answers are drawn.
#[component]
pub fn SettingsFields(
    /// The settings.
    form: SettingsForm,
) -> impl IntoView {
    let SettingsForm { system, few_shot, temperature, top_p, top_k, .. } = form;
    view! {
        <div class="field">
            <label for="run-system">"System message before every item"</label>
            <textarea id="run-system" data-testid="run-system" rows="2" prop:value=move || system.get()
                on:change=move |event| system.set(event_target_value(&event))></textarea>
        </div>
        <label class="row">
            <input type="checkbox" data-testid="few-shot" prop:checked=move || few_shot.get()
                on:change=move |event| few_shot.set(event_target_checked(&event)) />
            "Ask with worked examples instead of the chat template (for base models)"
        </label>
        <div class="form-grid">
            <SliderField id="run-temperature" label="Temperature" hint="Of written answers; 0 takes the most probable word." range=(0.0, 2.0, 0.05) value=temperature />
            <SliderField id="run-top-p" label="Top p" hint="Only the most probable words that together have this share." range=(0.05, 1.0, 0.05) value=top_p />
            <NumberField id="run-top-k" label="Top k" hint="Only so many of the most probable words; 0 takes all." range=(0, 1000) value=top_k />
        </div>
    }
}
