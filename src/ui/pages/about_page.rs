//! Methods, versions, gaps, privacy.

use leptos::prelude::*;

use crate::eval::scorers::labels;
use crate::ui::Heading;
use crate::ui::components::preflight::Preflight;

/// Methods, versions, gaps, privacy.
#[component]
pub fn AboutPage() -> impl IntoView {
    view! {
        <Heading text="About Likewise" />
        <section>
            <h2>"What it does"</h2>
            <p>"A quantized language model runs in a worker of this page: on the graphics card through WebGPU where the browser offers one, otherwise on the processor. It answers benchmark items by the log-likelihood of given options or by generating text; people judge the same kind of material; both are stored as records and drawn as figures with intervals and counts."</p>
        </section>
        <section>
            <h2>"How numbers are made"</h2>
            <ul>
                <li>"Log-probabilities are natural logarithms, over the whole vocabulary, before temperature and top-p."</li>
                <li>"Shares carry 95 % Wilson score intervals and the number of items behind them."</li>
                <li>"Abstentions, unreadable answers and errors are columns of their own and stay in the count."</li>
                <li>"Similarities are compared by rank correlation with each rater over the pairs that both have, and averaged; intervals are bootstraps over words, and with several raters a noise ceiling says how well any model could do. There are no p-values, because pairs that share a word are not independent."</li>
                <li>"A rating by a model is the mean over its probabilities of 1 to 7; a hidden state is the residual stream after a block, averaged over a word's own tokens."</li>
                {labels::report_in_words().map(|words| view! { <li data-testid="rules-agreement">{words}</li> })}
                <li>"After loading, a device is compared with stored values; one that fails is not used, one that could not be compared is called unverified."</li>
            </ul>
        </section>
        <Preflight />
        <section>
            <h2>"Known gaps"</h2>
            <ul>
                <li>"Only decoders of the families llama, qwen2, qwen3 and gemma3, in F32, F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q4_K, Q5_K and Q6_K; no language model that sees pictures."</li>
                <li>"Models are asked about the similarity of words only, not of pictures; triplet files must name the words."</li>
                <li>"Pictures: one classifier of ImageNet's classes, which knows six of VisAlign's ten; its abstention functions that need training pictures are fitted on the few clean pictures of a run. VisAlign's published set is opened after a conversion outside of the browser; none of its 900 pictures was at hand for tests. A CLIP-style model of your own can be loaded; that code is proven on a tiny random model, and no published weights were at hand to try. Vision transformers of other shapes are in the code and not on a page."</li>
                <li>"Items and studies are in English only."</li>
                <li>"A class hands in packets as files, pasted texts or QR codes; a camera reads codes only in browsers that find QR codes themselves. Where a study chooses the next question by the answers before, it goes by that participant's answers alone, and only in ratings of pairs, triplets and arrangements. A text model takes studies of words and texts, the picture classifier only labels of its ten classes; no model here rates or arranges pictures."</li>
                <li>"A model this small is often wrong and sometimes rude; nothing it says is advice."</li>
                <li>"The same seed gives the same text on the same device; another device may differ in the last digits."</li>
            </ul>
        </section>
        <section>
            <h2>"Privacy"</h2>
            <p>"No account, no cookies, no measuring of visitors. Models are fetched from this site or from the host that a model's card names, opened from your disk, or fetched from an address that you type. What you judge and run is kept in this browser's storage; the data page shows it, exports it and erases it. Only a study that names a server may send answers away, only to that server, and only after you agreed to it by name."</p>
        </section>
        <section>
            <h2>"Pictures"</h2>
            <p>"The pictures of the built-in sets of things are Fluent Emoji by Microsoft (MIT license, beside the files in stimuli/pictures); where the photographs come from stands beside them in items/images."</p>
        </section>
        <p>"Version " <span data-testid="version">{env!("CARGO_PKG_VERSION")}</span> ". Licence: Apache-2.0 or MIT, as you choose."</p>
    }
}
