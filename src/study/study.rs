//! A study: what is asked, about which stimuli, and what the participant agrees to.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::StudyError;
use super::adaptive::Adaptive;
use super::assign::MIN_REPEAT_GAP;
use super::chain;
use super::conduct::{Completion, Resume};
use super::delivery::Collect;
use super::design::{Design, MAX_TRIALS};
use super::trial::Expected;

/// Version of the study file's shape.
pub const STUDY_SCHEMA: u32 = 1;
/// Largest study file that is read, in bytes; pictures may be in it.
pub const MAX_BYTES: usize = 4 << 20;
/// Largest picture inside of a study, as text.
const MAX_PICTURE: usize = 200 << 10;
/// Most stimuli of a study.
pub const MAX_STIMULI: usize = 512;

/// What is right for a stimulus that is labelled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Gold {
    /// This label.
    Label(String),
    /// Nobody can tell: the right act is to say so.
    Abstain,
}

/// One thing that is judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stimulus {
    /// Stable id.
    pub id: String,
    /// What is shown, always drawn as plain text; for a picture its description for those who cannot see it.
    pub text: String,
    /// Path of a picture of this site, or the picture itself as a `data:` address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// What it belongs to; for an answer the id of its prompt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Where it comes from, such as a model; never shown before the last trial.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// What is right, if known; never shown before the last trial.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gold: Option<Gold>,
}

/// What the participant agrees to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Consent {
    /// Version of the text.
    pub version: u32,
    /// The text, in plain words.
    pub text: String,
}

/// A scale of whole numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scale {
    /// Lowest number.
    pub min: u8,
    /// Highest number.
    pub max: u8,
    /// What the lowest means.
    pub low_label: String,
    /// What the highest means.
    pub high_label: String,
}

impl Scale {
    /// Whether a number is on the scale.
    pub fn contains(&self, number: u8) -> bool {
        (self.min..=self.max).contains(&number)
    }

    pub(super) fn validate(&self, field: &str) -> Result<(), StudyError> {
        // Every number has a key of its own.
        if self.min >= self.max || self.max > 9 {
            let detail = format!("it goes from {} to {}; it must rise, up to 9 at most", self.min, self.max);
            return Err(StudyError::field(field, detail));
        }
        Ok(())
    }
}

/// A question about the instructions, with one right answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// The question.
    pub text: String,
    /// What can be answered.
    pub options: Vec<String>,
    /// Which is right, from 0.
    pub right: u8,
}

/// A question with a known answer, to see who is not reading.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CatchTrial {
    /// Shown in place of the question, such as "choose 7 now"; `None` looks like any other trial.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instruction: Option<String>,
    /// Ids of what is shown; empty for stimuli drawn by chance, which needs an instruction.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stimuli: Vec<String>,
    /// What passes.
    pub expected: Expected,
}

/// A study, as stored in `public/studies`. `public/studies/study.schema.json` says the same for other programs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Study {
    /// [`STUDY_SCHEMA`].
    pub schema: u32,
    /// Stable id.
    pub id: String,
    /// Version; any change to what participants see raises it.
    pub version: u32,
    /// Title for people.
    pub title: String,
    /// What to do, in plain words.
    pub instructions: String,
    /// What is agreed to before anything is recorded.
    pub consent: Consent,
    /// What is asked on every trial, if not the design's own question.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub question: Option<String>,
    /// What is asked.
    pub design: Design,
    /// What is judged.
    pub stimuli: Vec<Stimulus>,
    /// Questions about the instructions, before the first trial.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub comprehension: Vec<Question>,
    /// Stimuli of each practice trial, from left to right; they are not among those that are judged.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub practice: Vec<Vec<Stimulus>>,
    /// Main trials between two breaks; 0 for none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub break_every: u32,
    /// Trials that are shown a second time, unannounced.
    pub n_repeats: u32,
    /// Questions with a known answer.
    pub catch_trials: Vec<CatchTrial>,
    /// What the study was about, shown after the last trial.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub debrief: Option<String>,
    /// What becomes of a session when its participant comes back.
    #[serde(default, skip_serializing_if = "Resume::is_default")]
    pub resume: Resume,
    /// Where participants are led after the last trial.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completion: Option<Completion>,
    /// Where finished sessions are sent, with the participant's consent; `None` for nowhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub collect: Option<Collect>,
    /// How the next question is chosen by the answers before; `None` for questions laid out before the session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adaptive: Option<Adaptive>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(n: &u32) -> bool {
    *n == 0
}

impl Study {
    /// Reads and checks a study file.
    ///
    /// # Errors
    /// [`StudyError::Study`] names the field and says what is wrong with it.
    pub fn from_json(json: &str) -> Result<Self, StudyError> {
        if json.len() > MAX_BYTES {
            return Err(StudyError::field("file", format!("{} bytes, {MAX_BYTES} are read at most", json.len())));
        }
        let study: Self = serde_json::from_str(json).map_err(|error| StudyError::field("file", error.to_string()))?;
        study.validate()?;
        Ok(study)
    }

    /// SHA-256 of everything that the study says, lower-case hexadecimal.
    pub fn hash(&self) -> String {
        chain::hash(self)
    }

    /// What is asked on every trial.
    pub fn question(&self) -> &str {
        self.question.as_deref().unwrap_or_else(|| self.design.question())
    }

    /// A stimulus that is judged.
    pub fn stimulus(&self, id: &str) -> Option<&Stimulus> {
        self.stimuli.iter().find(|stimulus| stimulus.id == id)
    }

    /// Main trials of a session.
    pub fn n_main(&self) -> usize {
        let pairs = self.adaptive.and_then(|it| it.n_pairs).map(|n| n as usize);
        pairs.unwrap_or_else(|| self.design.n_main(&self.stimuli))
    }

    /// Trials before the main ones: comprehension and practice.
    pub fn n_before(&self) -> usize {
        self.comprehension.len() + self.practice.len()
    }

    /// All trials of a session.
    pub fn n_trials(&self) -> usize {
        self.n_before() + self.n_main() + self.n_repeats as usize + self.catch_trials.len()
    }

    /// Checks what the types cannot say.
    ///
    /// # Errors
    /// [`StudyError::Study`] names the first field that is wrong.
    pub fn validate(&self) -> Result<(), StudyError> {
        let wrong = |field: &str, detail: String| Err(StudyError::field(field, detail));
        if self.schema != STUDY_SCHEMA {
            return wrong("schema", format!("{} is not {STUDY_SCHEMA}", self.schema));
        }
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if self.id.is_empty() || self.id.len() > 64 || !self.id.chars().all(plain) {
            return wrong("id", "it must be 1 to 64 letters, digits, _ or -".into());
        }
        for (field, text) in
            [("title", &self.title), ("instructions", &self.instructions), ("consent.text", &self.consent.text)]
        {
            if text.trim().is_empty() {
                return wrong(field, "it is empty".into());
            }
        }
        if self.stimuli.len() > MAX_STIMULI || self.stimuli.len() < self.design.n_shown().max(2) {
            let least = self.design.n_shown().max(2);
            return wrong("stimuli", format!("{} stimuli, {least} to {MAX_STIMULI} are possible", self.stimuli.len()));
        }
        let mut ids = BTreeSet::new();
        let mut texts = BTreeSet::new();
        for (index, stimulus) in self.stimuli.iter().enumerate() {
            check_stimulus(&format!("stimuli[{index}]"), stimulus)?;
            if !ids.insert(stimulus.id.as_str()) {
                return wrong(&format!("stimuli[{index}].id"), format!("{:?} is there twice", stimulus.id));
            }
            // Two words that look the same could not be told apart in any figure or comparison.
            if self.design.needs_different_texts() && !texts.insert(stimulus.text.as_str()) {
                return wrong(&format!("stimuli[{index}].text"), format!("{:?} is there twice", stimulus.text));
            }
        }
        self.design.validate(&self.stimuli)?;
        self.adaptive.map_or(Ok(()), |it| it.validate(&self.design, self.stimuli.len()))?;
        self.check_before()?;
        let n_main = self.n_main();
        if n_main > MAX_TRIALS {
            return wrong("stimuli", format!("{n_main} trials, {MAX_TRIALS} are possible"));
        }
        // Each repeat needs an original at least the gap before the end of the main trials.
        if self.n_repeats as usize > n_main.saturating_sub(MIN_REPEAT_GAP) {
            return wrong("n_repeats", format!("{} repeats do not fit {n_main} main trials", self.n_repeats));
        }
        self.check_catch_trials(&ids)?;
        self.resume.validate()?;
        self.completion.as_ref().map_or(Ok(()), Completion::validate)?;
        self.collect.as_ref().map_or(Ok(()), |it| it.validate(self.n_trials(), self.design.n_shown()))
    }

    fn check_before(&self) -> Result<(), StudyError> {
        for (index, question) in self.comprehension.iter().enumerate() {
            let field = format!("comprehension[{index}]");
            if question.text.trim().is_empty() || question.options.iter().any(|option| option.trim().is_empty()) {
                return Err(StudyError::field(&field, "the question or an option is empty"));
            }
            if !(2..=9).contains(&question.options.len()) || usize::from(question.right) >= question.options.len() {
                let detail = "it needs 2 to 9 options, and `right` must be one of them, from 0";
                return Err(StudyError::field(&field, detail));
            }
        }
        for (index, stimuli) in self.practice.iter().enumerate() {
            let field = format!("practice[{index}]");
            if stimuli.len() != self.design.n_shown() {
                let detail = format!("{} stimuli, this design shows {}", stimuli.len(), self.design.n_shown());
                return Err(StudyError::field(&field, detail));
            }
            for stimulus in stimuli {
                check_stimulus(&field, stimulus)?;
                if self.stimulus(&stimulus.id).is_some() {
                    return Err(StudyError::field(&field, format!("{:?} is judged later", stimulus.id)));
                }
            }
            let prompts = self.design.prompts();
            if let (Design::AnswerRating { .. }, [only]) = (&self.design, stimuli.as_slice())
                && !prompts.iter().any(|it| Some(&it.id) == only.group.as_ref())
            {
                return Err(StudyError::field(&field, "its answer is not to a prompt of this study"));
            }
            if let (Design::Preference { .. }, [left, right]) = (&self.design, stimuli.as_slice())
                && (left.group != right.group || !prompts.iter().any(|it| Some(&it.id) == left.group.as_ref()))
            {
                return Err(StudyError::field(&field, "its two answers are not to one prompt of this study"));
            }
        }
        Ok(())
    }

    fn check_catch_trials(&self, ids: &BTreeSet<&str>) -> Result<(), StudyError> {
        if self.catch_trials.len() > self.n_main() {
            let detail = format!("{} catch trials for {} main trials", self.catch_trials.len(), self.n_main());
            return Err(StudyError::field("catch_trials", detail));
        }
        for (index, catch) in self.catch_trials.iter().enumerate() {
            let field = format!("catch_trials[{index}]");
            let wrong = |detail: String| Err(StudyError::field(&field, detail));
            if catch.instruction.as_ref().is_some_and(|text| text.trim().is_empty()) {
                return wrong("its instruction is empty".into());
            }
            if let Some(unknown) = catch.stimuli.iter().find(|id| !ids.contains(id.as_str())) {
                return wrong(format!("it names the unknown stimulus {unknown:?}"));
            }
            let by_chance = catch.stimuli.is_empty();
            if by_chance && catch.instruction.is_none() {
                return wrong("without stimuli of its own it needs an instruction".into());
            }
            let any_stimuli = matches!(
                self.design,
                Design::PairRating { .. }
                    | Design::Label { .. }
                    | Design::AnswerRating { .. }
                    | Design::FreeLabel { .. }
            );
            if by_chance && !any_stimuli {
                return wrong("this design needs the catch trial's own stimuli".into());
            }
            if !by_chance && catch.stimuli.len() != self.design.n_shown() {
                let shown = self.design.n_shown();
                return wrong(format!("{} stimuli, this design shows {shown}", catch.stimuli.len()));
            }
            if let (Design::Preference { .. }, [left, right]) = (&self.design, catch.stimuli.as_slice())
                && self.stimulus(left).map(|it| &it.group) != self.stimulus(right).map(|it| &it.group)
            {
                return wrong("its two answers are not to one prompt".into());
            }
            let shown: Vec<&str> = catch.stimuli.iter().map(String::as_str).collect();
            if let Err(detail) = self.design.validate_expected(&catch.expected, &shown) {
                return Err(StudyError::field(&format!("{field}.expected"), detail));
            }
        }
        Ok(())
    }
}

/// A PNG, JPEG or `WebP` picture as a `data:` address; an SVG could carry more than a picture.
fn is_picture(image: &str) -> bool {
    let kinds = ["data:image/webp;base64,", "data:image/png;base64,", "data:image/jpeg;base64,"];
    let base64 = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=');
    image.len() <= MAX_PICTURE
        && kinds.iter().any(|kind| image.strip_prefix(kind).is_some_and(|data| data.chars().all(base64)))
}

/// Pictures come from this site or from the study itself only, so that a study from a link can make nobody's browser call another host.
fn check_stimulus(field: &str, stimulus: &Stimulus) -> Result<(), StudyError> {
    if stimulus.id.is_empty() || stimulus.text.trim().is_empty() {
        return Err(StudyError::field(field, format!("stimulus {:?} has no id or no text", stimulus.id)));
    }
    if let Some(image) = &stimulus.image
        && !is_picture(image)
    {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/');
        // An SVG of this site is drawn as a picture, in which no script runs.
        let kind = [".png", ".jpg", ".webp", ".svg"].iter().any(|end| image.ends_with(end));
        if !image.chars().all(plain) || image.contains("..") || image.contains("//") || image.starts_with('/') || !kind
        {
            let start: String = image.chars().take(60).collect();
            let detail = format!(
                "{start:?} is not the path of a .png, .jpg, .webp or .svg of this site, nor a picture of at most {MAX_PICTURE} characters"
            );
            return Err(StudyError::field(&format!("{field}.image"), detail));
        }
    }
    Ok(())
}
