//! Leptos pages, components and charts.
#![allow(
    clippy::needless_pass_by_value,
    clippy::large_types_passed_by_value,
    reason = "a component owns its properties: its view outlives the call"
)]

pub mod analysis_state;
mod by_name;
pub mod charts;
pub mod components;
pub mod device;
mod download;
pub mod offline;
pub mod outbox;
pub mod pages;
mod picture;
mod recruiting;
pub mod sight_state;
pub mod state;
mod study_source;

use leptos::prelude::*;
use leptos_router::components::{A, Route, Router, Routes};
use leptos_router::hooks::use_location;
use leptos_router::path;
use wasm_bindgen::JsCast;

use crate::study::judgment::Input;
use analysis_state::AnalysisState;
use components::memory_banner::MemoryBanner;
use components::notice_list::NoticeList;
use offline::NewVersionBanner;
use outbox::OutboxBanner;
use pages::about_page::AboutPage;
use pages::build_page::BuildPage;
use pages::chat_page::ChatPage;
use pages::class_page::ClassPage;
use pages::data_page::DataPage;
use pages::home_page::HomePage;
use pages::judge_page::JudgePage;
use pages::lesson_page::LessonPage;
use pages::models_page::ModelsPage;
use pages::results_page::ResultsPage;
use pages::run_page::RunPage;
use pages::sight_page::SightPage;
use pages::similarity_page::SimilarityPage;
use pages::suite_page::SuitePage;
use pages::tasks_page::TasksPage;
use sight_state::{ClipState, EncoderState, SightState};
use state::State;

/// Address of the site's root with a slash at its end, from the page's `<base>`, made absolute so that it stays
/// right when the route changes; and its path without the slash, for the router.
fn site_root() -> (String, String) {
    let document = document();
    let root = document.base_uri().ok().flatten().unwrap_or_else(|| "/".to_owned());
    let root = root.rfind('/').and_then(|end| root.get(..=end)).unwrap_or("/").to_owned();
    if let Some(base) = document.query_selector("base").ok().flatten() {
        // A refused attribute leaves the relative base, which is right until the first route change.
        drop(base.set_attribute("href", &root));
    }
    let path = web_sys::Url::new(&root).map(|url| url.pathname()).unwrap_or_default();
    (root, path.trim_end_matches('/').to_owned())
}

/// Address of a route under the site's own path: the router takes an address that begins with `/` as it stands.
pub(crate) fn to(route: &str) -> String {
    let root = document().base_uri().ok().flatten().and_then(|base| web_sys::Url::new(&base).ok());
    let path = root.map(|root| root.pathname()).unwrap_or_default();
    format!("{}{route}", path.trim_end_matches('/'))
}

/// The whole page.
#[component]
pub fn App() -> impl IntoView {
    let ids = recruiting::take_ids();
    let (root, path) = site_root();
    let state = State::start(root, ids);
    provide_context(state);
    state.watch_outbox();
    state.keep_site();
    provide_context(SightState::new(state));
    provide_context(ClipState::new(state));
    provide_context(AnalysisState::new(state));
    provide_context(EncoderState::new(state));
    view! {
        <Router base=path>
            <a class="skip-link" href="#main" on:click=|event| { event.prevent_default(); focus_heading(); }>"Skip to content"</a>
            <Header />
            <NoticeList />
            <NewVersionBanner />
            <MemoryBanner />
            <OutboxBanner />
            <main id="main">
                <FocusOnRoute />
                <Routes fallback=|| view! { <Missing /> }>
                    <Route path=path!("/") view=HomePage />
                    <Route path=path!("/models") view=ModelsPage />
                    <Route path=path!("/chat") view=ChatPage />
                    <Route path=path!("/tasks") view=TasksPage />
                    <Route path=path!("/run") view=RunPage />
                    <Route path=path!("/suite") view=SuitePage />
                    <Route path=path!("/sight") view=SightPage />
                    <Route path=path!("/results") view=ResultsPage />
                    <Route path=path!("/similarity") view=SimilarityPage />
                    <Route path=path!("/judge") view=JudgePage />
                    <Route path=path!("/build") view=BuildPage />
                    <Route path=path!("/class") view=ClassPage />
                    <Route path=path!("/lesson") view=LessonPage />
                    <Route path=path!("/data") view=DataPage />
                    <Route path=path!("/about") view=AboutPage />
                </Routes>
            </main>
            <footer class="site-footer">
                <p>"Likewise " {env!("CARGO_PKG_VERSION")} ". Everything you do here stays in this browser unless you export it or agree that it is sent."</p>
            </footer>
        </Router>
    }
}

#[component]
fn Header() -> impl IntoView {
    let links = [
        ("/models", "Models"),
        ("/chat", "Talk"),
        ("/tasks", "Benchmarks"),
        ("/similarity", "Similarity"),
        ("/sight", "Sight"),
        ("/judge", "Judge"),
        ("/results", "Results"),
        ("/data", "Data"),
        ("/about", "About"),
    ];
    view! {
        <header class="site-header">
            <div class="site-header-inner">
                <A href=to("/") exact=true attr:class="wordmark" attr:data-testid="nav-home">
                    <svg viewBox="0 0 32 32" aria-hidden="true" fill="none" stroke-width="3.5" stroke-linecap="round">
                        <path class="wave-model" d="M4 13c4-6 8-6 12 0s8 6 12 0" />
                        <path class="wave-people" d="M4 22c4-6 8-6 12 0s8 6 12 0" />
                    </svg>
                    "Likewise"
                </A>
                <nav class="site-nav" aria-label="Pages">
                    <ul>
                        {links.into_iter().map(|(href, name)| view! {
                            <li><A href=to(href) attr:data-testid=format!("nav-{}", &href[1..])>{name}</A></li>
                        }).collect_view()}
                    </ul>
                </nav>
            </div>
        </header>
    }
}

/// What a click was made with. Space and Enter on a button make clicks that no pointer made.
pub(crate) fn input_of(event: &web_sys::MouseEvent) -> Input {
    let kind = js_sys::Reflect::get(event, &"pointerType".into()).ok().and_then(|kind| kind.as_string());
    match kind.as_deref() {
        Some("mouse") => Input::Mouse,
        Some("touch") => Input::Touch,
        Some("pen") => Input::Pen,
        _ if event.detail() == 0 => Input::Keyboard,
        _ => Input::Pointer,
    }
}

fn focus_heading() {
    if let Some(heading) = document().query_selector("main h1").ok().flatten()
        && let Ok(heading) = heading.dyn_into::<web_sys::HtmlElement>()
    {
        // A heading that cannot take focus changes nothing.
        drop(heading.focus());
    }
}

/// Moves focus to the new page's heading after a route change, but not at the first paint.
#[component]
fn FocusOnRoute() -> impl IntoView {
    let location = use_location();
    Effect::new(move |earlier: Option<String>| {
        let path = location.pathname.get();
        if earlier.is_some_and(|earlier| earlier != path) {
            request_animation_frame(focus_heading);
        }
        path
    });
}

/// A page's heading; also its title.
#[component]
pub fn Heading(
    /// What it says.
    #[prop(into)]
    text: String,
) -> impl IntoView {
    document().set_title(&format!("{text} · Likewise"));
    view! { <h1 tabindex="-1">{text}</h1> }
}

#[component]
fn Missing() -> impl IntoView {
    view! {
        <Heading text="There is no such page" />
        <p><A href=to("/")>"Go to the start"</A></p>
    }
}
