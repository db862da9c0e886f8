//! The page.

fn main() {
    likewise::platform::init_logging();
    leptos::mount::mount_to_body(likewise::ui::App);
}
