//! A question that must be answered before something is destroyed, in the browser's own modal dialog.

use leptos::html;
use leptos::prelude::*;

/// A button that asks before it acts.
#[component]
pub fn ConfirmButton(
    /// Test id of the button; the dialog's buttons append `-yes` and `-no`.
    id: &'static str,
    /// What the button says.
    label: &'static str,
    /// What is asked.
    question: &'static str,
    /// What happens then.
    consequence: &'static str,
    /// What the confirming button says.
    yes: &'static str,
    /// What is done.
    act: Callback<()>,
) -> impl IntoView {
    let dialog = NodeRef::<html::Dialog>::new();
    let close = move || {
        if let Some(dialog) = dialog.get_untracked() {
            dialog.close();
        }
    };
    view! {
        <button type="button" class="danger" data-testid=id on:click=move |_| {
            if let Some(dialog) = dialog.get_untracked() {
                // A dialog that is open already stays open.
                drop(dialog.show_modal());
            }
        }>{label}</button>
        <dialog node_ref=dialog aria-labelledby=format!("{id}-question")>
            <h2 id=format!("{id}-question")>{question}</h2>
            <p>{consequence}</p>
            <div class="row">
                <button type="button" data-testid=format!("{id}-no") on:click=move |_| close()>"Keep it"</button>
                <button type="button" class="danger" data-testid=format!("{id}-yes") on:click=move |_| { close(); act.run(()); }>{yes}</button>
            </div>
        </dialog>
    }
}
