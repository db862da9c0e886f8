//! A blind comparison of two stored runs: the texts that two models, or one model at two settings, gave to the same
//! items, as a preference study.

use crate::eval::engine::Response;
use crate::eval::run::{ItemResult, Run};
use crate::study::StudyError;
use crate::study::conduct::Resume;
use crate::study::design::{Design, Prompt};
use crate::study::study::{Consent, STUDY_SCHEMA, Stimulus, Study};

/// Most comparisons of a study that is made from runs.
pub const MAX_PAIRS: usize = 60;
/// Share of comparisons that come a second time, if there are enough.
const REPEATS_IN: usize = 10;

/// Why two runs make no study.
#[derive(Debug, thiserror::Error)]
pub enum BlindError {
    /// Nothing to compare.
    #[error("the two runs have no item to which both gave a text and not the same one")]
    Nothing,
    /// The study could not be made.
    #[error(transparent)]
    Study(#[from] StudyError),
}

/// The text that a result's model gave, if it gave one.
pub fn text_of(result: &ItemResult) -> Option<&str> {
    result.responses.iter().find_map(|response| match response {
        Response::Text { text, .. } if !text.trim().is_empty() => Some(text.as_str()),
        _ => None,
    })
}

/// What a run is called when it is revealed.
fn name_of(run: &Run) -> String {
    let sampling = &run.settings.sampling;
    let how =
        if sampling.temperature > 0.0 { format!("temperature {}", sampling.temperature) } else { "greedy".to_owned() };
    format!("{} {}, {how}, seed {}", run.engine.model_name, run.engine.quantization, run.settings.seed)
}

/// A text without the name of the model that wrote it.
fn masked(text: &str, runs: [&Run; 2]) -> String {
    let mut text = text.to_owned();
    for run in runs {
        // The first word of the name is what models call themselves ("SmolLM2").
        for name in [run.engine.model_name.as_str(), run.engine.model_name.split([' ', '-']).next().unwrap_or_default()]
        {
            if name.chars().count() > 3 {
                text = text.replace(name, "[name]");
            }
        }
    }
    text
}

/// The study of two runs. The same runs always make the same study, so that its session can be taken up again.
/// Items to which both gave the same text are left out, and models' own names are masked.
///
/// # Errors
/// [`BlindError::Nothing`] if no item has two different texts.
pub fn study_of_runs(first: (&Run, &[ItemResult]), second: (&Run, &[ItemResult])) -> Result<Study, BlindError> {
    let runs = [first.0, second.0];
    let mut names = runs.map(name_of);
    if names[0] == names[1] {
        for (name, run) in names.iter_mut().zip(runs) {
            *name = format!("{name}, run {}", run.id.get(..6).unwrap_or(&run.id));
        }
    }
    let (mut prompts, mut stimuli) = (Vec::new(), Vec::new());
    for result in first.1 {
        let Some(other) = second.1.iter().find(|other| other.item == result.item) else { continue };
        let (Some(a), Some(b)) = (text_of(result), text_of(other)) else { continue };
        if a.trim() == b.trim() || prompts.len() >= MAX_PAIRS {
            continue;
        }
        prompts.push(Prompt { id: result.item.id.clone(), text: result.item.prompt.clone() });
        for (place, text) in [a, b].into_iter().enumerate() {
            stimuli.push(Stimulus {
                id: format!("{}/{}", result.item.id, place + 1),
                text: masked(text.trim(), runs),
                image: None,
                group: Some(result.item.id.clone()),
                source: Some(names[place].clone()),
                gold: None,
            });
        }
    }
    if prompts.is_empty() {
        return Err(BlindError::Nothing);
    }
    let n_repeats =
        (prompts.len() / REPEATS_IN).min(prompts.len().saturating_sub(crate::study::assign::MIN_REPEAT_GAP));
    let short = |run: &Run| run.id.chars().filter(char::is_ascii_alphanumeric).take(12).collect::<String>();
    let study = Study {
        schema: STUDY_SCHEMA,
        id: format!("runs_{}_{}", short(runs[0]), short(runs[1])),
        version: 1,
        title: "Two stored runs, blind".to_owned(),
        instructions: "You will see a prompt and two answers to it, A and B. Say which one is better: A, B, a tie, or \
                       both bad. Which run wrote which answer is shown at the end. Press 1 to 4 or the left and right \
                       arrow, or tap a button. You can take back your last answer."
            .to_owned(),
        consent: Consent {
            version: 1,
            text: "You are about to compare answers of models. Your verdicts, how long each one took, what you \
                   answered with, whether you left the page meanwhile, and the time are kept in this browser on this \
                   device. Nothing is sent anywhere unless you export it and share it yourself. You can withdraw at \
                   any time, which deletes your answers. Please go on only if you agree to this."
                .to_owned(),
        },
        question: None,
        design: Design::Preference { prompts },
        stimuli,
        comprehension: Vec::new(),
        practice: Vec::new(),
        break_every: 20,
        n_repeats: n_repeats as u32,
        catch_trials: Vec::new(),
        debrief: Some(format!("The answers came from two runs: {}; and {}.", names[0], names[1])),
        resume: Resume::default(),
        completion: None,
        collect: None,
        adaptive: None,
    };
    study.validate()?;
    Ok(study)
}
