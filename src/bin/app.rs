//! The page.

fn main() {
    likewise::platform::init_logging();
    leptos::mount::mount_to_body(likewise::ui::App);
    // What index.html shows until here.
    if let Some(before) = leptos::prelude::document().get_element_by_id("before") {
        before.remove();
    }
}
