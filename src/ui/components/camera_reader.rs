//! Reads QR codes with the camera, where the browser itself can (`BarcodeDetector` of the Shape Detection API).

use gloo::timers::future::TimeoutFuture;
use js_sys::{Array, Function, Object, Promise, Reflect};
use leptos::html::Video;
use leptos::prelude::*;
use leptos::task::spawn_local;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{MediaStream, MediaStreamConstraints, MediaStreamTrack};

use crate::study::frames::{Assembly, Taken};
use crate::ui::state::words_of;

/// Milliseconds between two looks.
const LOOK_MILLIS: u32 = 120;

/// What finds codes in a picture, where the browser has it.
fn detector() -> Option<JsValue> {
    let maker: Function = Reflect::get(&window(), &"BarcodeDetector".into()).ok()?.dyn_into().ok()?;
    let options = Object::new();
    Reflect::set(&options, &"formats".into(), &Array::of1(&"qr_code".into())).ok()?;
    Reflect::construct(&maker, &Array::of1(&options)).ok()
}

/// Texts of the codes in what the camera sees now.
async fn texts_in(detector: &JsValue, video: &JsValue) -> Result<Vec<String>, JsValue> {
    let detect: Function = Reflect::get(detector, &"detect".into())?.dyn_into()?;
    let found = JsFuture::from(detect.call1(detector, video)?.dyn_into::<Promise>()?).await?;
    let found = Array::from(&found);
    let texts = found.iter().filter_map(|it| Reflect::get(&it, &"rawValue".into()).ok()?.as_string());
    Ok(texts.collect())
}

fn stop(stream: &MediaStream) {
    for track in stream.get_tracks().iter().filter_map(|it| it.dyn_into::<MediaStreamTrack>().ok()) {
        track.stop();
    }
}

/// The camera, and how far the sequence before it is.
#[component]
pub fn CameraReader(
    /// Gets each packet that is whole.
    packet: Callback<String>,
) -> impl IntoView {
    let video = NodeRef::<Video>::new();
    let running = RwSignal::new(false);
    let said = RwSignal::new(String::new());
    let start = move |_| {
        let Some(detector) = detector() else { return };
        running.set(true);
        said.set("The camera is starting; your browser may ask you to allow it.".to_owned());
        spawn_local(async move {
            let outcome = look(&detector, video, running, said, packet).await;
            if let Err(error) = outcome {
                drop(said.try_set(format!("The camera cannot be used ({}). Nothing that was read is lost; files and pasted text work as before.", words_of(&error))));
            }
            let _left = running.try_set(false);
        });
    };
    view! {
        {match detector() {
            None => view! { <p class="hint" data-testid="no-camera">"This browser cannot read QR codes by itself. Use files or pasted text, or a browser that can (Chrome on Android, ChromeOS or macOS)."</p> }.into_any(),
            Some(_) => view! {
                <div class="stack">
                    <p>
                        <Show when=move || !running.get() fallback=move || view! { <button type="button" data-testid="camera-stop" on:click=move |_| running.set(false)>"Stop the camera"</button> }>
                            <button type="button" data-testid="camera-start" on:click=start>"Read QR codes with the camera"</button>
                        </Show>
                    </p>
                    <video node_ref=video class="camera" hidden=move || !running.get() muted=true playsinline=true aria-label="What the camera sees" data-testid="camera"></video>
                    <p role="status" data-testid="camera-status">{move || said.get()}</p>
                </div>
            }.into_any(),
        }}
    }
}

async fn look(
    detector: &JsValue,
    video: NodeRef<Video>,
    running: RwSignal<bool>,
    said: RwSignal<String>,
    packet: Callback<String>,
) -> Result<(), JsValue> {
    let wanted = MediaStreamConstraints::new();
    let facing = Object::new();
    Reflect::set(&facing, &"facingMode".into(), &"environment".into())?;
    wanted.set_video(&facing);
    let asked = window().navigator().media_devices()?.get_user_media_with_constraints(&wanted)?;
    let stream: MediaStream = JsFuture::from(asked).await?.dyn_into()?;
    let watched = watch(detector, &stream, video, running, said, packet).await;
    stop(&stream);
    watched
}

async fn watch(
    detector: &JsValue,
    stream: &MediaStream,
    video: NodeRef<Video>,
    running: RwSignal<bool>,
    said: RwSignal<String>,
    packet: Callback<String>,
) -> Result<(), JsValue> {
    let Some(screen) = video.try_get_untracked().flatten() else { return Ok(()) };
    screen.set_src_object(Some(stream));
    JsFuture::from(screen.play()?).await?;
    drop(said.try_set("Hold a screen with QR codes before the camera.".to_owned()));
    let (mut all, mut done) = (Assembly::default(), Vec::new());
    // The page may be left meanwhile, and the signals with it.
    while running.try_get_untracked() == Some(true) {
        for text in texts_in(detector, &screen).await? {
            match all.take(&text) {
                Taken::Part { have, of } => drop(said.try_set(format!("{have} of {of} codes read."))),
                Taken::Whole(text) if !done.contains(&text) => {
                    done.push(text.clone());
                    let number =
                        if done.len() == 1 { "1 packet".to_owned() } else { format!("{} packets", done.len()) };
                    drop(said.try_set(format!("{number} read. The next one can come.")));
                    packet.run(text);
                }
                Taken::Whole(_) | Taken::Other => {}
                Taken::Damaged => {
                    drop(said.try_set("These codes do not belong together; show them once more.".to_owned()));
                }
            }
        }
        TimeoutFuture::new(LOOK_MILLIS).await;
    }
    Ok(())
}
