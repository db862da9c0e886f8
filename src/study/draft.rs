//! A study as a form: plain fields and pasted lines, which become a [`Study`] or a sentence that names the field.
//!
//! One stimulus a line. `text | picture` where there is a picture (its path on this site, or
//! `picture:NAME` for one of [`Draft::pictures`]); labelled stimuli may end in ` => label`, or ` => ?` where nobody can tell. A line of a
//! preference study is `prompt | answer of the first source | answer of the second | …`. `\n` stands for a line break
//! inside of a text and `\|` for the bar.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::StudyError;
use super::adaptive::{Adaptive, HOLDOUT_PERCENT};
use super::conduct::{Completion, Resume};
use super::delivery::Collect;
use super::design::{Design, Label, Prompt};
use super::study::{CatchTrial, Consent, Gold, Question, STUDY_SCHEMA, Scale, Stimulus, Study};
use super::trial::Expected;

/// What a builder can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// [`Design::PairRating`].
    PairRating,
    /// [`Design::Triplet`].
    Triplet,
    /// [`Design::Preference`].
    Preference,
    /// [`Design::Label`].
    Label,
    /// [`Design::AnchoredTriplet`].
    AnchoredTriplet,
    /// [`Design::AnswerRating`].
    AnswerRating,
    /// [`Design::FreeLabel`].
    FreeLabel,
    /// [`Design::Arrangement`].
    Arrangement,
}

impl Kind {
    /// Whether things are set beside each other, which may be pictures as well as words.
    pub fn compares_things(self) -> bool {
        matches!(self, Self::PairRating | Self::Triplet | Self::AnchoredTriplet | Self::Arrangement)
    }

    /// Every kind, in the order of the form.
    pub const ALL: [Self; 8] = [
        Self::PairRating,
        Self::Triplet,
        Self::AnchoredTriplet,
        Self::Arrangement,
        Self::Preference,
        Self::AnswerRating,
        Self::Label,
        Self::FreeLabel,
    ];

    /// Name in files.
    pub fn id(self) -> &'static str {
        match self {
            Self::PairRating => "pair_rating",
            Self::Triplet => "triplet",
            Self::Preference => "preference",
            Self::Label => "label",
            Self::AnchoredTriplet => "anchored_triplet",
            Self::AnswerRating => "answer_rating",
            Self::FreeLabel => "free_label",
            Self::Arrangement => "arrangement",
        }
    }

    /// What it is, for people.
    pub fn title(self) -> &'static str {
        match self {
            Self::PairRating => "Rate how similar two things are",
            Self::Triplet => "Choose the odd one out of three",
            Self::Preference => "Choose the better of two answers, blind",
            Self::Label => "Name it, or say \"I can't tell\"",
            Self::AnchoredTriplet => "Choose which of two is closer to a third",
            Self::AnswerRating => "Rate an answer on several axes, blind",
            Self::FreeLabel => "Name it in your own words",
            Self::Arrangement => "Put what is alike close together",
        }
    }

    /// The kind of this name.
    pub fn parse(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.id() == id)
    }

    fn of(design: &Design) -> Self {
        match design {
            Design::PairRating { .. } => Self::PairRating,
            Design::Triplet { .. } => Self::Triplet,
            Design::Preference { .. } => Self::Preference,
            Design::Label { .. } => Self::Label,
            Design::AnchoredTriplet { .. } => Self::AnchoredTriplet,
            Design::AnswerRating { .. } => Self::AnswerRating,
            Design::FreeLabel { .. } => Self::FreeLabel,
            Design::Arrangement { .. } => Self::Arrangement,
        }
    }
}

/// The form.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Draft {
    /// What is asked.
    pub kind: Kind,
    /// Title; the study's id follows from it where [`Self::id`] is empty.
    pub title: String,
    /// Stable id.
    pub id: String,
    /// Version.
    pub version: u32,
    /// The question, where it is not the design's own.
    pub question: String,
    /// Stimuli, one a line.
    pub items: String,
    /// Highest number of the scale, which begins at 1; for labels how sure one can be, 0 for not asking; for arrangements
    /// how many things lie on the field.
    pub scale_max: u8,
    /// What the lowest number means.
    pub low_label: String,
    /// What the highest means.
    pub high_label: String,
    /// Trials of a session, where the design leaves it open.
    pub n_trials: u32,
    /// Labels, one a line; for answers their sources.
    pub labels: String,
    /// Axes that answers are rated on, one a line.
    #[serde(default)]
    pub axes: String,
    /// Trials that come twice.
    pub n_repeats: u32,
    /// Catch trials.
    pub n_catch: u32,
    /// Main trials between two breaks; 0 for none.
    pub break_every: u32,
    /// What to do.
    pub instructions: String,
    /// What is agreed to.
    pub consent: String,
    /// What it was about.
    pub debrief: String,
    /// Coming back to a session.
    #[serde(default)]
    pub resume: Resume,
    /// Where participants are led after the last trial; empty for nowhere.
    #[serde(default)]
    pub redirect: String,
    /// Where finished sessions are sent.
    #[serde(default)]
    pub collect: Option<Collect>,
    /// Main trials in percent that are held out where the next question is chosen by the answers before; 0 for questions
    /// laid out before the session.
    #[serde(default)]
    pub holdout_percent: u32,
    /// Whether the fields of an arrangement after the first lift the weakest pairs.
    #[serde(default)]
    pub lift_the_weakest: bool,
    /// Pictures of the builder's own, by the name that a line gives as `picture:NAME`; `data:` addresses.
    #[serde(default)]
    pub pictures: BTreeMap<String, String>,
    /// What a study that was read in has and the form does not show; it stays as it was.
    #[serde(default)]
    pub kept: Option<Box<Study>>,
}

const CONSENT: &str = "Your answers, how long each one took, what you answered with, whether you left the page meanwhile, \
                       and the time are kept in this browser on this device. No name or account is asked for, and nothing \
                       is sent anywhere unless you export it and share it yourself. You can stop whenever you like and \
                       withdraw, which deletes your answers. Please take part only if you agree to this.";

impl Draft {
    /// A complete small study of this kind to change.
    pub fn template(kind: Kind) -> Self {
        let words = "dog\nhorse\neagle\ntrout\napple\ncarrot\nbread\ncar\nbicycle\nboat\nhammer\nchair";
        let draft = Self {
            kind,
            title: String::new(),
            id: String::new(),
            version: 1,
            question: String::new(),
            items: words.to_owned(),
            scale_max: 7,
            low_label: "not at all similar".to_owned(),
            high_label: "very similar".to_owned(),
            n_trials: 30,
            labels: String::new(),
            axes: String::new(),
            n_repeats: 6,
            n_catch: 2,
            break_every: 25,
            instructions: String::new(),
            consent: CONSENT.to_owned(),
            debrief: String::new(),
            resume: Resume::default(),
            redirect: String::new(),
            collect: None,
            holdout_percent: 0,
            lift_the_weakest: kind == Kind::Arrangement,
            pictures: BTreeMap::new(),
            kept: None,
        };
        match kind {
            Kind::PairRating => Self {
                title: "How similar are these?".to_owned(),
                instructions: "You will see two words at a time. Say how similar the things are that they name, from 1 to \
                               7. There are no right answers: go by your first impression."
                    .to_owned(),
                debrief: "From your ratings a map of meanings can be drawn and compared with that of other people or of a \
                          model. A few pairs came twice to see how steady your ratings are."
                    .to_owned(),
                ..draft
            },
            Kind::Triplet => Self {
                title: "Which is the odd one out?".to_owned(),
                instructions: "You will see three words at a time. Choose the one that fits least with the other two. There \
                               are no right answers: go by your first impression."
                    .to_owned(),
                n_repeats: 3,
                debrief: "Which two of three things stay together says how similar they are to you. A few triplets came \
                          twice to see how steady your choices are."
                    .to_owned(),
                ..draft
            },
            Kind::Preference => Self {
                title: "Which answer is better?".to_owned(),
                instructions: "You will see a request and two answers to it. Say which one you would rather get. You are \
                               told at the end where the answers come from."
                    .to_owned(),
                labels: "short answers\nlong answers".to_owned(),
                items: "Why is the sky blue? | Air scatters blue light more than red. | Sunlight holds all colors; the air \
                        spreads the blue part in every direction, so that is what we see.\n\
                        How do I boil an egg? | Eight minutes in boiling water. | Bring water to the boil, lower the egg in \
                        with a spoon, wait eight minutes, then put it into cold water.\n\
                        What is a verb? | A word for doing. | A verb is a word that says what somebody does, what happens, \
                        or what something is."
                    .to_owned(),
                n_repeats: 0,
                n_catch: 0,
                debrief: "The answers came from two sources, whose names you see in the figure.".to_owned(),
                ..draft
            },
            Kind::AnchoredTriplet => Self {
                title: "Which is closer?".to_owned(),
                instructions: "You will see one word above and two below. Choose the one of the two that is closer in \
                               meaning to the one above. There are no right answers: go by your first impression."
                    .to_owned(),
                n_repeats: 3,
                debrief: "Which of two things is closer to a third says how similar they are to you. A few questions came \
                          twice to see how steady your choices are."
                    .to_owned(),
                ..draft
            },
            Kind::Arrangement => Self {
                title: "Arrange what is alike".to_owned(),
                instructions: "You will see some words and a field. Put every word on the field so that words that mean \
                               similar things lie close together and others far apart. Choose a word, then tap its place, \
                               or move it with the arrow keys."
                    .to_owned(),
                scale_max: 8,
                n_trials: 4,
                n_repeats: 0,
                n_catch: 1,
                break_every: 0,
                debrief: "How far apart you put things says how similar they are to you. One field shows many pairs at \
                          once, so this is quicker than rating every pair."
                    .to_owned(),
                ..draft
            },
            Kind::AnswerRating => Self {
                kind,
                title: "How good are these answers?".to_owned(),
                axes: "Is it correct?\nIs it easy to understand?\nIs it helpful?".to_owned(),
                scale_max: 5,
                low_label: "not at all".to_owned(),
                high_label: "completely".to_owned(),
                instructions: "You will see a request and one answer to it. Rate the answer on each question. You are told \
                               at the end where the answers come from."
                    .to_owned(),
                n_repeats: 0,
                n_catch: 0,
                debrief: "The answers came from two sources, whose names you see in the figure.".to_owned(),
                ..Self::template(Kind::Preference)
            },
            Kind::FreeLabel => Self {
                title: "What is this?".to_owned(),
                question: "What is described here?".to_owned(),
                scale_max: 60,
                items: "an animal that barks\nwhere books are lent\na frozen drop of water from a cloud\na vehicle on two \
                        wheels\nwhat bees make\na thing that nobody has a word for => ?"
                    .to_owned(),
                instructions: "You will read a description. Type one word for it, or say that you can't tell.".to_owned(),
                n_repeats: 0,
                n_catch: 0,
                debrief: "How often people choose the same word says how well a thing is named.".to_owned(),
                ..draft
            },
            Kind::Label => Self {
                title: "Name it, or say you can't tell".to_owned(),
                instructions: "You will see one thing at a time. Say what it is. If you cannot tell, say so: that is an \
                               answer like any other."
                    .to_owned(),
                labels: "animal\nplant\nvehicle".to_owned(),
                items: "dog => animal\noak => plant\ntruck => vehicle\ntrout => animal\nfern => plant\nbus => vehicle\n\
                        blorp => ?\nzuk => ?"
                    .to_owned(),
                scale_max: 0,
                low_label: "a guess".to_owned(),
                high_label: "certain".to_owned(),
                n_repeats: 0,
                n_catch: 1,
                debrief: "Some of the words mean nothing: there \"I can't tell\" was the right answer.".to_owned(),
                ..draft
            },
        }
    }

    /// With pictures as the things, where the kind compares things: `items` are lines of word and address.
    #[must_use]
    pub fn with_pictures(mut self, items: String) -> Self {
        const SAID: [(&str, &str); 9] = [
            ("two words", "two pictures"),
            ("three words", "three pictures"),
            ("they name", "they show"),
            ("one word above", "one picture above"),
            ("closer in meaning to", "closer to"),
            ("some words and a field", "some pictures and a field"),
            ("every word", "every picture"),
            ("words that mean similar things", "pictures of similar things"),
            ("Choose a word", "Choose a picture"),
        ];
        if self.kind.compares_things() {
            self.items = items;
            for (of_words, of_pictures) in SAID {
                self.instructions = self.instructions.replace(of_words, of_pictures);
            }
        }
        self
    }

    /// The form of a study. What the form has no field for is kept and comes back in [`Self::study`].
    pub fn of_study(study: &Study) -> Self {
        let (scale, n_trials) = match &study.design {
            Design::PairRating { scale } => (Some(scale), study.adaptive.and_then(|it| it.n_pairs).unwrap_or(0)),
            Design::AnswerRating { scale, .. } => (Some(scale), 0),
            Design::Triplet { n_trials }
            | Design::AnchoredTriplet { n_trials }
            | Design::Arrangement { n_trials, .. } => (None, *n_trials),
            Design::Preference { .. } | Design::FreeLabel { .. } => (None, 0),
            Design::Label { confidence, .. } => (confidence.as_ref(), 0),
        };
        let number = match &study.design {
            Design::FreeLabel { max_chars } => *max_chars as u8,
            Design::Arrangement { n_shown, .. } => *n_shown as u8,
            _ => scale.map_or(0, |scale| scale.max),
        };
        Self {
            kind: Kind::of(&study.design),
            title: study.title.clone(),
            id: study.id.clone(),
            version: study.version,
            question: study.question.clone().unwrap_or_default(),
            items: lines_of(study).join("\n"),
            scale_max: number,
            low_label: scale.map(|scale| scale.low_label.clone()).unwrap_or_default(),
            high_label: scale.map(|scale| scale.high_label.clone()).unwrap_or_default(),
            n_trials,
            labels: match &study.design {
                Design::Label { labels, .. } => {
                    labels.iter().map(|label| escaped(&label.text)).collect::<Vec<_>>().join("\n")
                }
                Design::Preference { .. } | Design::AnswerRating { .. } => sources_of(study).join("\n"),
                _ => String::new(),
            },
            axes: match &study.design {
                Design::AnswerRating { axes, .. } => {
                    axes.iter().map(|axis| escaped(&axis.text)).collect::<Vec<_>>().join("\n")
                }
                _ => String::new(),
            },
            n_repeats: study.n_repeats,
            n_catch: study.catch_trials.len() as u32,
            break_every: study.break_every,
            instructions: study.instructions.clone(),
            consent: study.consent.text.clone(),
            debrief: study.debrief.clone().unwrap_or_default(),
            resume: study.resume,
            collect: study.collect.clone(),
            holdout_percent: study.adaptive.map_or(0, |it| u32::from(it.holdout_percent)),
            lift_the_weakest: matches!(study.design, Design::Arrangement { lift_the_weakest: true, .. }),
            redirect: study.completion.as_ref().map(|it| it.redirect.clone()).unwrap_or_default(),
            pictures: study
                .stimuli
                .iter()
                .filter_map(|it| Some((it.id.clone(), it.image.clone().filter(|image| image.starts_with("data:"))?)))
                .collect(),
            kept: Some(Box::new(study.clone())),
        }
    }

    /// The study, checked.
    ///
    /// # Errors
    /// [`StudyError::Study`] names the field of the study that is wrong and says what is wrong with it.
    pub fn study(&self) -> Result<Study, StudyError> {
        let kept = self.kept.as_deref().filter(|kept| Kind::of(&kept.design) == self.kind);
        let (design, stimuli) = self.material(kept)?;
        // What was read in stays only where it still fits.
        let fits = |ids: &[String]| ids.iter().all(|id| stimuli.iter().any(|it| it.id == *id));
        let catch_trials = match kept {
            Some(kept)
                if kept.catch_trials.len() == self.n_catch as usize
                    && kept.catch_trials.iter().all(|it| fits(&it.stimuli)) =>
            {
                kept.catch_trials.clone()
            }
            _ => self.catch_trials(&design, &stimuli),
        };
        let comprehension: Vec<Question> = kept.map(|kept| kept.comprehension.clone()).unwrap_or_default();
        let consent_version = match kept {
            Some(kept) if kept.consent.text == self.consent => kept.consent.version,
            Some(kept) => kept.consent.version + 1,
            None => 1,
        };
        let some = |text: &str| (!text.trim().is_empty()).then(|| text.to_owned());
        let study = Study {
            schema: STUDY_SCHEMA,
            id: if self.id.trim().is_empty() { slug(&self.title) } else { self.id.trim().to_owned() },
            version: self.version,
            title: self.title.clone(),
            instructions: self.instructions.clone(),
            consent: Consent { version: consent_version, text: self.consent.clone() },
            question: some(&self.question),
            design,
            stimuli,
            comprehension,
            practice: kept.map(|kept| kept.practice.clone()).unwrap_or_default(),
            break_every: self.break_every,
            n_repeats: self.n_repeats,
            catch_trials,
            debrief: some(&self.debrief),
            resume: self.resume,
            collect: self.collect.clone(),
            adaptive: self.adaptive(),
            completion: some(self.redirect.trim()).map(|redirect| Completion::of_author(redirect, kept)),
        };
        study.validate()?;
        Ok(study)
    }

    /// Whether the next question of this kind of study can be chosen by the answers before.
    pub fn can_adapt(kind: Kind) -> bool {
        matches!(kind, Kind::PairRating | Kind::Triplet | Kind::AnchoredTriplet)
    }

    fn adaptive(&self) -> Option<Adaptive> {
        (self.holdout_percent > 0 && Self::can_adapt(self.kind)).then(|| Adaptive {
            holdout_percent: self.holdout_percent.min(255) as u8,
            n_pairs: (self.kind == Kind::PairRating).then_some(self.n_trials),
        })
    }

    /// Has the next question chosen by the answers before, or not.
    pub fn set_adaptive(&mut self, on: bool) {
        self.holdout_percent = if on { u32::from(HOLDOUT_PERCENT) } else { 0 };
    }

    fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.items.lines().enumerate().filter(|(_, line)| !line.trim().is_empty())
    }

    /// The design and what is judged.
    fn material(&self, kept: Option<&Study>) -> Result<(Design, Vec<Stimulus>), StudyError> {
        let scale = || Scale {
            min: match kept.map(|kept| &kept.design) {
                Some(
                    Design::PairRating { scale }
                    | Design::Label { confidence: Some(scale), .. }
                    | Design::AnswerRating { scale, .. },
                ) => scale.min,
                _ => 1,
            },
            max: self.scale_max,
            low_label: self.low_label.clone(),
            high_label: self.high_label.clone(),
        };
        if matches!(self.kind, Kind::Preference | Kind::AnswerRating) {
            let (prompts, stimuli) = self.answers(kept)?;
            let design = if self.kind == Kind::Preference {
                Design::Preference { prompts }
            } else {
                let before = match kept.map(|kept| &kept.design) {
                    Some(Design::AnswerRating { axes, .. }) => axes.as_slice(),
                    _ => &[],
                };
                Design::AnswerRating { prompts, axes: labels_of(&self.axes, before), scale: scale() }
            };
            return Ok((design, stimuli));
        }
        let before = match kept.map(|kept| &kept.design) {
            Some(Design::Label { labels, .. }) => labels.as_slice(),
            _ => &[],
        };
        let labels = labels_of(&self.labels, before);
        let mut stimuli: Vec<Stimulus> = Vec::new();
        for (number, line) in self.lines() {
            let (shown, gold) = match line.split_once("=>") {
                Some((shown, gold)) if matches!(self.kind, Kind::Label | Kind::FreeLabel) => (shown, Some(gold.trim())),
                _ => (line, None),
            };
            let gold = match gold {
                None => None,
                Some("?") => Some(Gold::Abstain),
                Some(name) if self.kind == Kind::FreeLabel => Some(Gold::Label(unescaped(name))),
                Some(name) => {
                    let text = unescaped(name);
                    let label = labels.iter().find(|label| label.text == text || label.id == text);
                    let Some(label) = label else {
                        let detail = format!("line {}: no label is {name:?}", number + 1);
                        return Err(StudyError::field("stimuli", detail));
                    };
                    Some(Gold::Label(label.id.clone()))
                }
            };
            let parts = split(shown);
            let [text, rest @ ..] = parts.as_slice() else { continue };
            if rest.len() > 1 {
                let detail = format!("line {}: there is more than one picture; write \\| for a bar", number + 1);
                return Err(StudyError::field("stimuli", detail));
            }
            let image = match rest.first().map(|path| (path, path.strip_prefix("picture:"))) {
                None => None,
                Some((path, None)) => Some(path.clone()),
                Some((_, Some(name))) => {
                    let data = self.pictures.get(name).ok_or_else(|| {
                        StudyError::field("stimuli", format!("line {}: there is no picture {name:?}", number + 1))
                    })?;
                    Some(data.clone())
                }
            };
            let mut new = Stimulus { id: String::new(), text: text.clone(), image, group: None, source: None, gold };
            // A line that was there before keeps its id and what the form has no place for.
            let taken = |id: &str| stimuli.iter().any(|it| it.id == id);
            let before = kept
                .iter()
                .flat_map(|kept| &kept.stimuli)
                .find(|it| it.text == new.text && it.image == new.image && it.gold == new.gold && !taken(&it.id));
            new = before.cloned().unwrap_or_else(|| {
                new.id =
                    free_id(&slug(new.image.as_deref().filter(|it| !it.starts_with("data:")).unwrap_or(text)), taken);
                new
            });
            stimuli.push(new);
        }
        let design = match self.kind {
            Kind::PairRating | Kind::Preference | Kind::AnswerRating => Design::PairRating { scale: scale() },
            Kind::Triplet => Design::Triplet { n_trials: self.n_trials },
            Kind::AnchoredTriplet => Design::AnchoredTriplet { n_trials: self.n_trials },
            Kind::FreeLabel => Design::FreeLabel { max_chars: u32::from(self.scale_max) },
            Kind::Arrangement => Design::Arrangement {
                n_shown: u32::from(self.scale_max),
                n_trials: self.n_trials,
                lift_the_weakest: self.lift_the_weakest,
            },
            Kind::Label => Design::Label { labels, confidence: (self.scale_max > 0).then(scale) },
        };
        Ok((design, stimuli))
    }

    /// Prompts with their answers.
    fn answers(&self, kept: Option<&Study>) -> Result<(Vec<Prompt>, Vec<Stimulus>), StudyError> {
        let sources: Vec<String> =
            self.labels.lines().map(|line| unescaped(line.trim())).filter(|line| !line.is_empty()).collect();
        let before = kept.map(|kept| kept.design.prompts()).unwrap_or_default();
        let (mut prompts, mut stimuli): (Vec<Prompt>, Vec<Stimulus>) = (Vec::new(), Vec::new());
        for (number, line) in self.lines() {
            let parts = split(line);
            let [text, answers @ ..] = parts.as_slice() else { continue };
            if answers.len() != sources.len() {
                let detail = format!(
                    "line {}: {} answers for {} sources; write \\| for a bar",
                    number + 1,
                    answers.len(),
                    sources.len()
                );
                return Err(StudyError::field("stimuli", detail));
            }
            let free = |id: &str| prompts.iter().any(|it| it.id == id);
            let prompt = before
                .iter()
                .find(|it| it.text == *text && !free(&it.id))
                .cloned()
                .unwrap_or_else(|| Prompt { id: free_id(&slug(text), free), text: text.clone() });
            for (answer, source) in answers.iter().zip(&sources) {
                // An empty place: this source gave no answer to this prompt.
                if answer.is_empty() {
                    continue;
                }
                let new = Stimulus {
                    id: free_id(&format!("{}_{}", prompt.id, slug(source)), |id| stimuli.iter().any(|it| it.id == id)),
                    text: answer.clone(),
                    image: None,
                    group: Some(prompt.id.clone()),
                    source: Some(source.clone()),
                    gold: None,
                };
                let same = kept
                    .iter()
                    .flat_map(|kept| &kept.stimuli)
                    .find(|it| it.text == new.text && it.group == new.group && it.source == new.source);
                stimuli.push(same.cloned().unwrap_or(new));
            }
            prompts.push(prompt);
        }
        Ok((prompts, stimuli))
    }

    /// Catch trials that say what to choose, spread over the stimuli.
    fn catch_trials(&self, design: &Design, stimuli: &[Stimulus]) -> Vec<CatchTrial> {
        let n = self.n_catch as usize;
        let every = |count: usize, place: usize| place * count / n.max(1) % count.max(1);
        (0..n)
            .filter_map(|place| match design {
                Design::PairRating { scale } => {
                    let steps = usize::from(scale.max.saturating_sub(scale.min)) + 1;
                    let wanted = scale.min + ((place * 2 + 1) % steps) as u8;
                    Some(CatchTrial {
                        instruction: Some(format!("To show that you are reading, choose {wanted} now.")),
                        stimuli: Vec::new(),
                        expected: Expected::Rating { lowest: wanted, highest: wanted },
                    })
                }
                Design::Triplet { .. } | Design::AnchoredTriplet { .. } => {
                    let first = every(stimuli.len(), place);
                    let shown: Vec<&Stimulus> = (0..3)
                        .filter_map(|step| stimuli.get((first + step * (stimuli.len() / 3).max(1)) % stimuli.len()))
                        .collect();
                    // An anchor cannot be chosen.
                    let anchored = matches!(design, Design::AnchoredTriplet { .. });
                    let wanted = shown.get(if anchored { 1 + place % 2 } else { place % 3 })?;
                    Some(CatchTrial {
                        instruction: Some(format!("To show that you are reading, choose {:?} now.", wanted.text)),
                        expected: Expected::Stimulus { id: wanted.id.clone() },
                        stimuli: shown.iter().map(|it| it.id.clone()).collect(),
                    })
                }
                Design::Preference { .. } => {
                    let pairs = super::preference::pairs(stimuli);
                    let (a, b) = *pairs.get(every(pairs.len(), place))?;
                    let (wanted, other) = (stimuli.get(a)?, stimuli.get(b)?);
                    let start: Vec<&str> = wanted.text.split_whitespace().take(4).collect();
                    Some(CatchTrial {
                        instruction: Some(format!(
                            "To show that you are reading, choose the answer that begins with {:?}.",
                            start.join(" ")
                        )),
                        expected: Expected::Stimulus { id: wanted.id.clone() },
                        stimuli: vec![wanted.id.clone(), other.id.clone()],
                    })
                }
                Design::AnswerRating { scale, .. } => Some(CatchTrial {
                    instruction: Some(format!("To show that you are reading, choose {} on every question.", scale.max)),
                    stimuli: Vec::new(),
                    expected: Expected::Rating { lowest: scale.max, highest: scale.max },
                }),
                Design::FreeLabel { .. } => Some(CatchTrial {
                    instruction: Some("To show that you are reading, type the word reading.".to_owned()),
                    stimuli: Vec::new(),
                    expected: Expected::Label { label: Some("reading".to_owned()) },
                }),
                Design::Arrangement { n_shown, .. } => {
                    let first = every(stimuli.len(), place);
                    let shown: Vec<&Stimulus> =
                        stimuli.iter().cycle().skip(first).take((*n_shown as usize).min(stimuli.len())).collect();
                    let (a, b) = (shown.first()?, shown.get(shown.len() / 2)?);
                    Some(CatchTrial {
                        instruction: Some(format!(
                            "To show that you are reading, put {:?} and {:?} closer together than any other two.",
                            a.text, b.text
                        )),
                        expected: Expected::Closest { ids: [a.id.clone(), b.id.clone()] },
                        stimuli: shown.iter().map(|it| it.id.clone()).collect(),
                    })
                }
                Design::Label { labels, .. } => {
                    let wanted = labels.get(place % labels.len().max(1))?;
                    Some(CatchTrial {
                        instruction: Some(format!("To show that you are reading, choose {:?} now.", wanted.text)),
                        stimuli: Vec::new(),
                        expected: Expected::Label { label: Some(wanted.id.clone()) },
                    })
                }
            })
            .collect()
    }
}

/// Labels or axes, one a line; one that was there before keeps its id.
fn labels_of(lines: &str, before: &[Label]) -> Vec<Label> {
    let mut labels: Vec<Label> = Vec::new();
    for line in lines.lines().filter(|line| !line.trim().is_empty()) {
        let text = unescaped(line.trim());
        let label = before
            .iter()
            .find(|it| it.text == text)
            .cloned()
            .unwrap_or_else(|| Label { id: free_id(&slug(&text), |id| labels.iter().any(|it| it.id == id)), text });
        labels.push(label);
    }
    labels
}

fn lines_of(study: &Study) -> Vec<String> {
    if !study.design.prompts().is_empty() {
        let sources = sources_of(study);
        return study
            .design
            .prompts()
            .iter()
            .map(|prompt| {
                let mut parts = vec![escaped(&prompt.text)];
                for source in &sources {
                    let answer = study.stimuli.iter().find(|it| {
                        it.group.as_ref() == Some(&prompt.id) && escaped(super::preference::contestant(it)) == *source
                    });
                    parts.push(answer.map(|it| escaped(&it.text)).unwrap_or_default());
                }
                parts.join(" | ")
            })
            .collect();
    }
    let label_of = |id: &str| match &study.design {
        Design::Label { labels, .. } => {
            labels.iter().find(|label| label.id == id).map_or_else(|| id.to_owned(), |label| escaped(&label.text))
        }
        _ => escaped(id),
    };
    study
        .stimuli
        .iter()
        .map(|stimulus| {
            let mut line = escaped(&stimulus.text);
            match &stimulus.image {
                Some(image) if image.starts_with("data:") => line = format!("{line} | picture:{}", stimulus.id),
                Some(image) => line = format!("{line} | {image}"),
                None => {}
            }
            match &stimulus.gold {
                Some(Gold::Label(label)) => format!("{line} => {}", label_of(label)),
                Some(Gold::Abstain) => format!("{line} => ?"),
                None => line,
            }
        })
        .collect()
}

/// Sources of a study's answers, in the order of their first answer.
fn sources_of(study: &Study) -> Vec<String> {
    let mut sources = Vec::new();
    for stimulus in &study.stimuli {
        let source = escaped(super::preference::contestant(stimulus));
        if !sources.contains(&source) {
            sources.push(source);
        }
    }
    sources
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\n', "\\n").replace('|', "\\|").replace("=>", "=\\>")
}

fn unescaped(text: &str) -> String {
    let (mut out, mut escape) = (String::new(), false);
    for c in text.chars() {
        match (escape, c) {
            (false, '\\') => escape = true,
            (true, 'n') => {
                out.push('\n');
                escape = false;
            }
            (_, c) => {
                out.push(c);
                escape = false;
            }
        }
    }
    out
}

/// Parts of a line between bars that no backslash stands before, unescaped and trimmed.
fn split(line: &str) -> Vec<String> {
    let (mut parts, mut part, mut escape) = (Vec::new(), String::new(), false);
    for c in line.chars() {
        match (escape, c) {
            (false, '|') => parts.push(std::mem::take(&mut part)),
            (false, '\\') => {
                escape = true;
                part.push(c);
            }
            (_, c) => {
                escape = false;
                part.push(c);
            }
        }
    }
    parts.push(part);
    parts.iter().map(|part| unescaped(part.trim())).collect()
}

/// Lower-case letters and digits with `_` between them, for an id.
pub fn slug(text: &str) -> String {
    let mut id = String::new();
    for c in text.chars() {
        if c.is_ascii_alphanumeric() {
            id.push(c.to_ascii_lowercase());
        } else if !id.is_empty() && !id.ends_with('_') {
            id.push('_');
        }
    }
    id.truncate(40);
    let id = id.trim_end_matches('_');
    if id.is_empty() { "item".to_owned() } else { id.to_owned() }
}

/// The id, or with the first number after it that makes it free.
fn free_id(id: &str, taken: impl Fn(&str) -> bool) -> String {
    if !taken(id) {
        return id.to_owned();
    }
    let mut n = 2;
    while taken(&format!("{id}_{n}")) {
        n += 1;
    }
    format!("{id}_{n}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_stand_in_for_words_in_material_and_instructions() {
        let lines =
            "dog | a.svg\ncat | b.svg\nowl | c.svg\nbee | d.svg\nant | e.svg\ncow | f.svg\npig | g.svg\nfrog | h.svg";
        for kind in Kind::ALL.into_iter().filter(|it| it.compares_things()) {
            let draft = Draft::template(kind).with_pictures(lines.to_owned());
            assert!(!draft.instructions.contains("word"), "{}", draft.instructions);
            let study = draft.study().unwrap();
            assert!(study.stimuli.iter().all(|it| it.image.is_some()), "{kind:?}");
        }
        let plain = Draft::template(Kind::Preference);
        assert_eq!(plain.clone().with_pictures(lines.to_owned()), plain);
    }

    #[test]
    fn every_template_is_a_study() {
        for kind in Kind::ALL {
            let study = Draft::template(kind).study().unwrap();
            assert_eq!(Kind::of(&study.design), kind);
            assert_eq!(study.catch_trials.len() as u32, Draft::template(kind).n_catch, "{kind:?}");
            assert_eq!(Draft::of_study(&study).study().unwrap(), study, "{kind:?} comes back from its own form");
            assert_eq!(Kind::parse(kind.id()), Some(kind));
        }
    }

    #[test]
    fn every_shipped_study_comes_back_from_the_form_as_it_was() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("public/studies");
        let index = std::fs::read_to_string(folder.join("index.json")).unwrap();
        for id in serde_json::from_str::<Vec<String>>(&index).unwrap() {
            let study = Study::from_json(&std::fs::read_to_string(folder.join(format!("{id}.json"))).unwrap()).unwrap();
            assert_eq!(Draft::of_study(&study).study().unwrap(), study, "{id}");
        }
    }

    #[test]
    fn a_wrong_field_is_named() {
        let field = |draft: &Draft| match draft.study() {
            Err(StudyError::Study { field, .. }) => field,
            other => panic!("{other:?}"),
        };
        let template = Draft::template(Kind::PairRating);
        assert_eq!(field(&Draft { title: " ".into(), ..template.clone() }), "title");
        assert_eq!(field(&Draft { items: "dog".into(), ..template.clone() }), "stimuli");
        assert_eq!(field(&Draft { items: "dog\ncat\ndog".into(), ..template.clone() }), "stimuli[2].text");
        assert_eq!(field(&Draft { scale_max: 12, ..template.clone() }), "design.scale");
        assert_eq!(field(&Draft { n_repeats: 99, ..template.clone() }), "n_repeats");
        assert_eq!(field(&Draft { consent: String::new(), ..template.clone() }), "consent.text");
        assert_eq!(field(&Draft { items: "a | b.png | c.png\nd".into(), ..template }), "stimuli");
        let labels = Draft::template(Kind::Label);
        assert_eq!(field(&Draft { items: "a => stone\nb".into(), ..labels.clone() }), "stimuli");
        assert_eq!(field(&Draft { labels: "one".into(), items: "a\nb".into(), ..labels }), "design.labels");
        let answers = Draft::template(Kind::Preference);
        assert_eq!(field(&Draft { items: "why? | because".into(), ..answers }), "stimuli");
    }

    #[test]
    fn pictures_of_ones_own_are_named_in_lines_and_come_back() {
        let data = "data:image/webp;base64,UklGRg==".to_owned();
        let mut draft =
            Draft { items: "a dog | picture:dog.jpg\na cat | items/cat.webp".into(), ..Draft::template(Kind::Label) };
        match draft.study() {
            Err(StudyError::Study { field, detail }) => {
                assert_eq!((field.as_str(), detail.contains("dog.jpg")), ("stimuli", true));
            }
            other => panic!("{other:?}"),
        }
        draft.pictures.insert("dog.jpg".into(), data.clone());
        let study = draft.study().unwrap();
        assert_eq!(study.stimuli[0].image, Some(data));
        let again = Draft::of_study(&study);
        assert!(!again.items.contains("base64"), "{}", again.items);
        assert_eq!(again.study().unwrap(), study);
    }

    #[test]
    fn bars_breaks_and_arrows_inside_of_texts_survive() {
        for text in ["a | b", "one\ntwo", "c:\\new", "x => y", "\\|"] {
            assert_eq!(split(&escaped(text)), [text]);
            assert_eq!(unescaped(&escaped(text)), text);
        }
    }
}
