//! A drawn figure as a file: SVG that looks the same without the site's style sheets, and PNG made of it.

use leptos::prelude::document;
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Element, HtmlCanvasElement, HtmlImageElement};

use crate::ui::download;

/// What a style sheet may say of a mark.
const PROPERTIES: [&str; 9] = [
    "fill",
    "fill-opacity",
    "stroke",
    "stroke-width",
    "stroke-dasharray",
    "opacity",
    "font-family",
    "font-size",
    "font-weight",
];
/// Width of a drawing in the file, in SVG units.
const WIDTH: f64 = 640.0;
/// Pixels of a PNG a unit: sharp on paper.
const PIXELS: f64 = 2.0;
const MARGIN: f64 = 16.0;
const LINE: f64 = 22.0;

fn failed(what: &str) -> JsValue {
    JsValue::from_str(what)
}

fn descendants(of: &Element) -> Result<Vec<Element>, JsValue> {
    let list = of.query_selector_all("*")?;
    Ok((0..list.length()).filter_map(|at| list.get(at)?.dyn_into().ok()).collect())
}

/// A drawing with every style written into it, and its size.
fn frozen(svg: &Element) -> Result<(Element, f64, f64), JsValue> {
    let window = web_sys::window().ok_or_else(|| failed("no window"))?;
    let copy: Element = svg.clone_node_with_deep(true)?.unchecked_into();
    for (from, to) in descendants(svg)?.iter().zip(descendants(&copy)?) {
        if let Some(style) = window.get_computed_style(from)? {
            for name in PROPERTIES {
                let value = style.get_property_value(name)?;
                if !value.is_empty() {
                    to.set_attribute(name, &value)?;
                }
            }
        }
        for name in ["class", "tabindex", "role", "aria-label"] {
            to.remove_attribute(name)?;
        }
    }
    let view_box = svg.get_attribute("viewBox").unwrap_or_default();
    let numbers: Vec<f64> = view_box.split(' ').filter_map(|it| it.parse().ok()).collect();
    let &[_, _, width, height] = numbers.as_slice() else { return Err(failed("a drawing has no size")) };
    Ok((copy, width, height))
}

/// Every drawing of a figure, one below the other under its title, as one SVG text; and its size.
fn svg_of(figure: &Element, title: &str, caption: &str) -> Result<(String, f64, f64), JsValue> {
    const SPACE: &str = "http://www.w3.org/2000/svg";
    let window = web_sys::window().ok_or_else(|| failed("no window"))?;
    let make = |name: &str| document().create_element_ns(Some(SPACE), name);
    let ink = window.get_computed_style(figure)?;
    let of = |name: &str| ink.as_ref().and_then(|style| style.get_property_value(name).ok()).unwrap_or_default();
    let outer = make("svg")?;
    let text = |words: &str, y: f64, size: &str, weight: &str| -> Result<(), JsValue> {
        let text = make("text")?;
        for (name, value) in [("x", MARGIN.to_string()), ("y", y.to_string()), ("fill", of("color"))] {
            text.set_attribute(name, &value)?;
        }
        text.set_attribute("font-family", "sans-serif")?;
        text.set_attribute("font-size", size)?;
        text.set_attribute("font-weight", weight)?;
        text.set_text_content(Some(words));
        outer.append_child(&text)?;
        Ok(())
    };
    let ground = make("rect")?;
    ground.set_attribute("fill", &of("background-color"))?;
    outer.append_child(&ground)?;
    let desc = make("desc")?;
    desc.set_text_content(Some(caption));
    outer.append_child(&desc)?;
    text(title, MARGIN + 14.0, "17", "600")?;
    let mut y = MARGIN + LINE + 8.0;
    let drawings = figure.query_selector_all("svg")?;
    for at in 0..drawings.length() {
        let Some(svg) = drawings.get(at).and_then(|it| it.dyn_into::<Element>().ok()) else { continue };
        if let Some(name) = svg.previous_element_sibling().filter(|it| it.tag_name() == "H3") {
            text(&name.text_content().unwrap_or_default(), y + 14.0, "14", "600")?;
            y += LINE;
        }
        let (copy, width, height) = frozen(&svg)?;
        let shown = (WIDTH - 2.0 * MARGIN) * height / width;
        for (name, value) in [("x", MARGIN), ("y", y), ("width", WIDTH - 2.0 * MARGIN), ("height", shown)] {
            copy.set_attribute(name, &format!("{value:.2}"))?;
        }
        outer.append_child(&copy)?;
        y += shown + 8.0;
    }
    let keys = figure.query_selector_all(".chart-legend li")?;
    for at in 0..keys.length() {
        let Some(key) = keys.get(at).and_then(|it| it.dyn_into::<Element>().ok()) else { continue };
        if let Some(swatch) = key.query_selector(".swatch")? {
            let square = make("rect")?;
            let color = window.get_computed_style(&swatch)?.map(|it| it.get_property_value("background-color"));
            square.set_attribute("fill", &color.transpose()?.unwrap_or_default())?;
            for (name, value) in [("x", MARGIN), ("y", y + 2.0), ("width", 12.0), ("height", 12.0)] {
                square.set_attribute(name, &value.to_string())?;
            }
            outer.append_child(&square)?;
        }
        text(&format!("     {}", key.text_content().unwrap_or_default()), y + 13.0, "13", "400")?;
        y += LINE;
    }
    let height = y + MARGIN;
    for (element, with_box) in [(&outer, true), (&ground, false)] {
        element.set_attribute("width", &WIDTH.to_string())?;
        element.set_attribute("height", &format!("{height:.2}"))?;
        if with_box {
            element.set_attribute("viewBox", &format!("0 0 {WIDTH} {height:.2}"))?;
        }
    }
    Ok((web_sys::XmlSerializer::new()?.serialize_to_string(&outer)?, WIDTH, height))
}

/// Offers a figure as an SVG file.
///
/// # Errors
/// What the browser said.
pub(super) fn svg(figure: &Element, name: &str, title: &str, caption: &str) -> Result<(), JsValue> {
    let (text, _, _) = svg_of(figure, title, caption)?;
    download::offer(&format!("{name}.svg"), "image/svg+xml", &text)
}

/// Offers a figure as a PNG file.
///
/// # Errors
/// What the browser said.
pub(super) async fn png(figure: Element, name: String, title: String, caption: String) -> Result<(), JsValue> {
    let (text, width, height) = svg_of(&figure, &title, &caption)?;
    let image = HtmlImageElement::new()?;
    let encoded = String::from(js_sys::encode_uri_component(&text));
    image.set_src(&format!("data:image/svg+xml;charset=utf-8,{encoded}"));
    JsFuture::from(image.decode()).await?;
    let canvas: HtmlCanvasElement = document().create_element("canvas")?.unchecked_into();
    canvas.set_width((width * PIXELS) as u32);
    canvas.set_height((height * PIXELS) as u32);
    let context = canvas.get_context("2d")?.ok_or_else(|| failed("no canvas"))?;
    let context: web_sys::CanvasRenderingContext2d = context.unchecked_into();
    context.draw_image_with_html_image_element_and_dw_and_dh(&image, 0.0, 0.0, width * PIXELS, height * PIXELS)?;
    let said = move |blob: JsValue| {
        if let Ok(blob) = blob.dyn_into::<web_sys::Blob>()
            && let Err(error) = download::offer_blob(&format!("{name}.png"), &blob)
        {
            tracing::error!(?error, "a picture could not be saved");
        }
    };
    canvas.to_blob(Closure::once_into_js(said).unchecked_ref())
}
