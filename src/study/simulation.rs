//! Sessions that a program answers, for tests, demonstrations and power checks. Every record of them says so.

use serde::{Deserialize, Serialize};

use super::StudyError;
use super::design::SimulatedParticipant;
use super::judgment::{Input, Judgment};
use super::session::{Act, Session};
use super::study::Study;
use super::trial::{Answer, Trial};
use crate::stats::rng::Pcg32;

/// Similarity of two stimuli of one group, and of two groups.
const SIMILARITY: (f64, f64) = (0.8, 0.2);

/// What the simulated participants take to be true, and how reliably they say so.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Simulation {
    /// Id of the study.
    pub study_id: String,
    /// Seed of the first participant; each further one takes the next.
    pub seed: u64,
    /// Sessions.
    pub n_participants: u32,
    /// See [`SimulatedParticipant::noise`].
    pub noise: f64,
    /// Stimulus ids that are alike: similarity 0.8 within a group, 0.2 across.
    pub groups: Vec<Vec<String>>,
}

/// A whole session that `answer` answers, as it asks people, each trial with its judgment. Questions about the
/// instructions are answered rightly.
///
/// # Errors
/// [`StudyError`] for a damaged study and for an answer that its trial does not take.
pub fn walk(
    study: &Study,
    seed: u64,
    mut answer: impl FnMut(&Trial) -> Answer,
) -> Result<Vec<(Trial, Judgment)>, StudyError> {
    let mut session = Session::begin_simulated(study, seed, format!("simulated-{seed}"), 0.0)?;
    let mut out = Vec::new();
    while let Some(trial) = session.current().cloned() {
        let given = match session.question_of(&trial.kind) {
            Some(question) => Answer::Option { option: question.right },
            None => answer(&trial),
        };
        let act = Act { rt_millis: 0.0, at: 0.0, input: Input::Keyboard, focus_losses: 0 };
        let judgment = session.answer(given, act)?;
        out.push((trial, judgment));
    }
    Ok(out)
}

impl Simulation {
    /// All judgments, session after session; they are the same whenever they are made. A program has no response
    /// times and no moments: both are 0.
    ///
    /// # Errors
    /// [`StudyError::Study`] for a damaged study, another study than was meant, or a stimulus in no group.
    pub fn judgments(&self, study: &Study) -> Result<Vec<Judgment>, StudyError> {
        let wrong = |field: &str, detail: String| StudyError::Study { field: field.to_owned(), detail };
        if self.study_id != study.id {
            return Err(wrong("id", format!("the simulation is of {:?}", self.study_id)));
        }
        let in_group = |group: &[String], id: &str| group.iter().any(|member| member == id);
        if let Some(stimulus) = study.stimuli.iter().find(|it| !self.groups.iter().any(|group| in_group(group, &it.id)))
        {
            return Err(wrong("stimuli", format!("{:?} is in no group of the simulation", stimulus.id)));
        }
        let similarity = |a: &str, b: &str| {
            let alike = self.groups.iter().any(|group| in_group(group, a) && in_group(group, b));
            if alike { SIMILARITY.0 } else { SIMILARITY.1 }
        };
        // All answers to a prompt are equally good.
        let strength = |_: &str| 0.0;
        let participant =
            SimulatedParticipant { similarity: &similarity, strength: &strength, noise: self.noise, attentive: true };
        let mut judgments = Vec::new();
        for number in 0..self.n_participants {
            let seed = self.seed.wrapping_add(u64::from(number));
            let mut rng = Pcg32::new(seed);
            let walked = walk(study, seed, |trial| study.design.simulate(&mut || rng.unit(), &participant, trial))?;
            judgments.extend(walked.into_iter().map(|(_, judgment)| judgment));
        }
        Ok(judgments)
    }
}
