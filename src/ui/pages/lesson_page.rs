//! A lesson of 45 minutes in five cards. Every link opens the step it belongs to.

use leptos::prelude::*;
use leptos_router::components::A;

use crate::ui::{Heading, to};

/// One card.
struct Card {
    id: &'static str,
    minutes: u32,
    title: &'static str,
    /// What the teacher does and what pupils do.
    steps: &'static [&'static str],
    /// Where it happens: address, and what the link says.
    links: &'static [(&'static str, &'static str)],
    /// What to talk about.
    questions: &'static [&'static str],
}

const CARDS: [Card; 5] = [
    Card {
        id: "judge",
        minutes: 9,
        title: "Which is the odd one out?",
        steps: &[
            "Open the class page and hand out its link: on the board, in a message, or as a bookmark on every device.",
            "Everybody takes part alone, without talking. It takes about four minutes. Nobody types a name.",
            "Whoever is finished hands in: copies the packet into a message, saves it as a file, or shows it as QR codes.",
        ],
        links: &[
            ("/class?study=odd_one_out", "Class page with the link for pupils"),
            ("/judge?study=odd_one_out", "See what pupils will see"),
        ],
        questions: &["Was there a triplet without a good answer? What made it hard?"],
    },
    Card {
        id: "map",
        minutes: 10,
        title: "What does our class think?",
        steps: &[
            "Take in the packets on the class page: paste them, open the files, or read the codes with a camera.",
            "Press \"Projector view\". The map grows as packets come in; what was judged alike lies close together.",
            "Read the sentence about split-half reliability: would another class of this size give the same map?",
        ],
        links: &[("/class?study=odd_one_out", "Class page")],
        questions: &[
            "Which words lie close together, and why? Give the directions of the map a name, then try to disprove it.",
            "Did everybody judge alike? What does it say about groups, and would you have expected it?",
        ],
    },
    Card {
        id: "model",
        minutes: 10,
        title: "And what does a model think?",
        steps: &[
            "Load a small model before the lesson; afterwards it needs no network.",
            "Let it judge the same words on the page Similarity, and put its map beside the class's.",
            "Compare its agreement with the class with the noise ceiling: how well two halves of the class agree.",
        ],
        links: &[("/models", "Load a model"), ("/similarity", "Similarity of words, for models and people")],
        questions: &[
            "Where does the model differ most from the class? What would it have to know to do better?",
            "It only ever read texts. Which of its judgments surprise you, then?",
        ],
    },
    Card {
        id: "abstain",
        minutes: 9,
        title: "Knowing when you cannot know",
        steps: &[
            "Ten names, and some photographs that show none of the ten. \"I can't tell\" is an answer like any other.",
            "Half of the class can do this study; the other half watches how a model for pictures is asked the same.",
        ],
        links: &[
            ("/class?study=animals", "Class page of the photographs"),
            ("/judge?study=animals", "See what pupils will see"),
            ("/sight", "Ask a model for pictures"),
        ],
        questions: &[
            "Which is worse: a wrong name, or not answering? Does it depend on what the answer is for?",
            "How would you notice that a model does not know?",
        ],
    },
    Card {
        id: "blind",
        minutes: 7,
        title: "Which answer is better?",
        steps: &[
            "Two answers to each request, and nobody is told where they come from until the end.",
            "Everybody compares a few pairs; show of hands for the last one before the sources are shown.",
        ],
        links: &[
            ("/class?study=blind_answers", "Class page of the answers"),
            ("/judge?study=blind_answers", "See what pupils will see"),
        ],
        questions: &[
            "Why are the sources hidden? What would change if they were shown?",
            "Companies train models on choices like these. Whose choices should they be?",
        ],
    },
];

#[component]
fn CardView(place: usize, card: Card) -> impl IntoView {
    let title = format!("{}. {}", place + 1, card.title);
    let id = format!("lesson-{}", card.id);
    view! {
        <li class="panel stack" data-testid=id>
            <h2>{title}</h2>
            <p class="lesson-minutes">{format!("{} minutes", card.minutes)}</p>
            <ol>{card.steps.iter().map(|step| view! { <li>{*step}</li> }).collect_view()}</ol>
            <ul class="row plain">{card.links.iter().map(|(address, text)| view! { <li><A href=to(address) attr:class="button">{*text}</A></li> }).collect_view()}</ul>
            <h3>"To talk about"</h3>
            <ul>{card.questions.iter().map(|question| view! { <li>{*question}</li> }).collect_view()}</ul>
        </li>
    }
}

/// The lesson.
#[component]
pub fn LessonPage() -> impl IntoView {
    let minutes: u32 = CARDS.iter().map(|card| card.minutes).sum();
    view! {
        <div class="stack" data-testid="lesson-page">
            <Heading text="A lesson: how alike do we and a machine think?" />
            <p class="lede">{format!("{} cards, {minutes} minutes, from about 14 years. Pupils judge, the class becomes a map, and a small language model is asked the same questions on your own machine.", CARDS.len())}</p>
            <section class="panel stack">
                <h2>"Before the lesson"</h2>
                <ul>
                    <li>"Open this site once on the machine with the projector, and load a small model there (one download, kept by the browser). "<A href=to("/models")>"Models"</A>" says whether this machine can run it."</li>
                    <li>"Try card 1 yourself and take your own packet in, so that you have seen every screen. Then withdraw it, or it counts as a pupil's."</li>
                    <li>"No account, no name and no server is involved; answers stay on the devices until pupils hand them in. Ask your school whether parents must be told."</li>
                    <li>"Pupils who do not want to take part can watch the projector. A pupil may withdraw at any time, which deletes the answers on that device."</li>
                </ul>
            </section>
            <ol class="lesson-cards">{CARDS.into_iter().enumerate().map(|(place, card)| view! { <CardView place=place card=card /> }).collect_view()}</ol>
            <section class="panel stack">
                <h2>"What this lesson cannot show"</h2>
                <p>"One class is a small sample, and a model of this size is a weak one: say what you saw in these words and these people, with the intervals, and not what people or models are like."</p>
            </section>
        </div>
    }
}
