//! One participant's way through a study.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::StudyError;
use super::judgment::{Input, JUDGMENT_SCHEMA, Judgment, Labeller, Outcome, question_key};
use super::study::{Question, Study};
use super::trial::{Answer, Trial, TrialKind};
use super::{adaptive, assign, chain};
use crate::stats::committee::Committee;

/// Version of the session record's shape.
pub const SESSION_SCHEMA: u32 = 1;
/// Seeds are below 2^53, so that programs that read JSON numbers as doubles read them right.
const SEED_MASK: u64 = (1 << 53) - 1;

/// What the participant agreed to, and when.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConsentGiven {
    /// Version of the consent text that was shown.
    pub version: u32,
    /// When it was agreed to (UTC milliseconds since 1970).
    pub at: f64,
}

/// The stored record of a session; the newest of an id counts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionRecord {
    /// [`SESSION_SCHEMA`].
    pub schema: u32,
    /// Random id; no name, no account.
    pub id: String,
    /// Study.
    pub study_id: String,
    /// Version of the study.
    pub study_version: u32,
    /// [`Study::hash`]: two studies may call themselves the same.
    pub study_sha256: String,
    /// Seed of order and sides.
    pub seed: u64,
    /// What was agreed to.
    pub consent: ConsentGiven,
    /// When it began (UTC milliseconds since 1970).
    pub started_at: f64,
    /// Trials of the session.
    pub n_trials: u32,
    /// Who answers.
    pub labeller: Labeller,
    /// Whether a program answers.
    pub simulated: bool,
}

/// What stays of a session whose participant withdrew: that there was one, and nothing of what was answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Withdrawal {
    /// [`SESSION_SCHEMA`].
    pub schema: u32,
    /// The session.
    pub session_id: String,
    /// Study.
    pub study_id: String,
    /// Version of the study.
    pub study_version: u32,
    /// When (UTC milliseconds since 1970).
    pub at: f64,
    /// Records that were deleted, the session's own not counted.
    pub n_records: u32,
    /// Whether a program had answered.
    pub simulated: bool,
}

/// How an answer was given.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Act {
    /// Milliseconds from the first paint of the trial.
    pub rt_millis: f64,
    /// When (UTC milliseconds since 1970).
    pub at: f64,
    /// With what.
    pub input: Input,
    /// How often the page lost the focus or was hidden meanwhile.
    pub focus_losses: u32,
}

/// A session: its trials and how far it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Session {
    study: Study,
    record: SessionRecord,
    trials: Vec<Trial>,
    /// Answers that count, oldest first: exactly one for each trial before the current one.
    answered: Vec<Judgment>,
    /// Every record, in the order written.
    records: Vec<Judgment>,
    undo_counts: BTreeMap<u32, u32>,
    /// Wrong answers to comprehension questions, which stay where they are.
    n_misunderstood: u32,
    /// What the next record points to.
    head: String,
    /// What chooses the next question of an adaptive study.
    committee: Option<Committee>,
}

impl Session {
    /// Begins a person's session. Store [`Self::record`] before the first trial is shown.
    /// `id` is a fresh random id, `now` is in UTC milliseconds since 1970.
    ///
    /// # Errors
    /// [`StudyError::Study`] for a damaged study, [`StudyError::Consent`] if the consent is to another text.
    pub fn begin(study: &Study, seed: u64, id: String, consent: ConsentGiven, now: f64) -> Result<Self, StudyError> {
        Self::new(study, seed, id, consent, now, Labeller::Participant)
    }

    /// Begins a session that a program answers; every record of it says so.
    ///
    /// # Errors
    /// As [`Self::begin`].
    pub fn begin_simulated(study: &Study, seed: u64, id: String, now: f64) -> Result<Self, StudyError> {
        let consent = ConsentGiven { version: study.consent.version, at: now };
        Self::new(study, seed, id, consent, now, Labeller::Simulation)
    }

    fn new(
        study: &Study,
        seed: u64,
        id: String,
        consent: ConsentGiven,
        now: f64,
        labeller: Labeller,
    ) -> Result<Self, StudyError> {
        study.validate()?;
        if consent.version != study.consent.version {
            return Err(StudyError::Consent { needed: study.consent.version, given: consent.version });
        }
        let seed = seed & SEED_MASK;
        let trials = assign::trials(study, seed);
        let record = SessionRecord {
            schema: SESSION_SCHEMA,
            id,
            study_id: study.id.clone(),
            study_version: study.version,
            study_sha256: study.hash(),
            seed,
            consent,
            started_at: now,
            n_trials: trials.len() as u32,
            labeller,
            simulated: labeller != Labeller::Participant,
        };
        let mut session = Self {
            study: study.clone(),
            head: chain::root(&record),
            record,
            trials,
            answered: Vec::new(),
            records: Vec::new(),
            undo_counts: BTreeMap::new(),
            n_misunderstood: 0,
            committee: study.adaptive.map(|_| adaptive::committee(study, seed)),
        };
        session.prepare();
        Ok(session)
    }

    /// Learns from an answer to a chosen question.
    fn learn(&mut self, judgment: &Judgment) {
        if let (Some(committee), TrialKind::Main, Some(answer)) =
            (&mut self.committee, &judgment.trial, judgment.answer())
            && let Some(told) = adaptive::told(&self.study, &judgment.stimuli, answer)
        {
            committee.learn(told);
        }
    }

    /// Chooses the question of the trial that comes now, where the study is adaptive.
    fn prepare(&mut self) {
        if !adaptive::adapts(&self.study) {
            return;
        }
        let place = self.answered.len();
        let design = &self.study.design;
        let chosen = match self.trials.get(place).map(|trial| trial.kind.clone()) {
            Some(TrialKind::Main) => {
                let Some(committee) = &self.committee else {
                    let mains: Vec<&Judgment> = self.answered.iter().filter(|it| it.is_main()).collect();
                    let field = adaptive::next_field(&self.study, self.record.seed, place as u32, &mains);
                    if let (Some(stimuli), Some(trial)) = (field, self.trials.get_mut(place)) {
                        trial.stimuli = stimuli;
                    }
                    return;
                };
                let held = self.trials.iter().filter(|trial| trial.kind == TrialKind::HeldOut);
                let asked = self.answered.iter().filter(|it| it.is_main());
                let taken: BTreeSet<Vec<String>> = held
                    .map(|trial| question_key(design, &trial.ids()))
                    .chain(asked.map(|it| question_key(design, &it.stimuli)))
                    .collect();
                adaptive::choose(&self.study, self.record.seed, place as u32, committee, &taken)
            }
            // It repeats what was chosen.
            Some(TrialKind::RepeatOf { trial }) => self.trials.get(trial as usize).map(|original| {
                let find = |id: &String| self.study.stimuli.iter().position(|it| it.id == *id);
                let mut places: Vec<usize> = original.ids().iter().filter_map(find).collect();
                design.reordered(&mut places);
                places.into_iter().filter_map(|place| self.study.stimuli.get(place).cloned()).collect()
            }),
            _ => None,
        };
        if let (Some(stimuli), Some(trial)) = (chosen, self.trials.get_mut(place)) {
            trial.stimuli = stimuli;
        }
    }

    /// Rebuilds a session after a reload from its record and its judgments in the order they were written.
    /// A record that is there twice counts once.
    ///
    /// # Errors
    /// [`StudyError::Study`] or [`StudyError::Consent`] as [`Self::begin`]; [`StudyError::Record`] if the records
    /// belong to another session, study or version, or do not follow each other.
    pub fn resume(study: &Study, record: SessionRecord, judgments: &[Judgment]) -> Result<Self, StudyError> {
        let mut session = Self::of_record(study, record)?;
        let mut seen: BTreeMap<&str, &Judgment> = BTreeMap::new();
        for judgment in judgments {
            if seen.insert(&judgment.uuid, judgment).is_some_and(|earlier| earlier == judgment) {
                continue;
            }
            session
                .replay(judgment)
                .map_err(|detail| StudyError::Record { uuid: judgment.uuid.clone(), detail: detail.into() })?;
        }
        Ok(session)
    }

    /// A session with this record and no answer yet.
    ///
    /// # Errors
    /// [`StudyError::Record`] if the record is of another study, and as [`Self::begin`].
    pub(super) fn of_record(study: &Study, record: SessionRecord) -> Result<Self, StudyError> {
        if record.schema != SESSION_SCHEMA
            || record.study_id != study.id
            || record.study_version != study.version
            || record.study_sha256 != study.hash()
            || record.n_trials as usize != study.n_trials()
        {
            let detail = format!("it is of study {} version {}", record.study_id, record.study_version);
            return Err(StudyError::Record { uuid: record.id, detail });
        }
        if record.simulated != (record.labeller != Labeller::Participant) {
            let detail = "it says both that a person and that a program answered".to_owned();
            return Err(StudyError::Record { uuid: record.id, detail });
        }
        let (id, labeller) = (record.id.clone(), record.labeller);
        let mut session = Self::new(study, record.seed, id, record.consent, record.started_at, labeller)?;
        session.head = chain::root(&record);
        session.record = record;
        Ok(session)
    }

    fn replay(&mut self, judgment: &Judgment) -> Result<(), &'static str> {
        if judgment.schema != JUDGMENT_SCHEMA || judgment.session_id != self.record.id {
            return Err("it is of another session");
        }
        if judgment.labeller != self.record.labeller || judgment.simulated != self.record.simulated {
            return Err("it is of another labeller");
        }
        if judgment.seq as usize != self.records.len() {
            return Err("a record before it is missing");
        }
        if judgment.previous != self.head {
            return Err("the record before it was changed");
        }
        match &judgment.answer {
            Outcome::Answered { answer } => {
                let trial = self.current().ok_or("the session was finished before")?;
                if judgment.trial_index != trial.index
                    || judgment.trial != trial.kind
                    || judgment.stimuli != trial.ids()
                {
                    return Err("it answers another trial");
                }
                self.check(answer, trial).or(Err("its answer does not fit the trial"))?;
            }
            Outcome::Undone { uuid } => {
                let last = self.answered.last().ok_or("there is nothing to take back")?;
                if last.uuid != *uuid || !self.can_undo() {
                    return Err("it takes back an answer that is not the last one");
                }
            }
        }
        self.apply(judgment.clone());
        Ok(())
    }

    /// Takes in a record that was checked.
    fn apply(&mut self, record: Judgment) {
        self.head = chain::link(&record);
        match &record.answer {
            Outcome::Answered { answer } if self.is_misunderstood(&record.trial, answer) => self.n_misunderstood += 1,
            Outcome::Answered { .. } => {
                self.learn(&record);
                self.answered.push(record.clone());
            }
            Outcome::Undone { .. } => {
                if let Some(last) = self.answered.pop() {
                    *self.undo_counts.entry(last.trial_index).or_default() += 1;
                }
                // What was taken back was never learned.
                self.committee = self.study.adaptive.map(|_| adaptive::committee(&self.study, self.record.seed));
                for judgment in self.answered.clone() {
                    self.learn(&judgment);
                }
            }
        }
        self.records.push(record);
        self.prepare();
    }

    fn is_misunderstood(&self, kind: &TrialKind, answer: &Answer) -> bool {
        match (self.question_of(kind), answer) {
            (Some(question), Answer::Option { option }) => question.right != *option,
            _ => false,
        }
    }

    fn check(&self, answer: &Answer, trial: &Trial) -> Result<(), StudyError> {
        match self.question_of(&trial.kind) {
            None => self.study.design.validate_answer(answer, trial),
            Some(question) => match answer {
                Answer::Option { option } if usize::from(*option) < question.options.len() => Ok(()),
                _ => Err(StudyError::Answer { detail: "it is no option of the question".to_owned() }),
            },
        }
    }

    /// The comprehension question of a trial.
    pub fn question_of(&self, kind: &TrialKind) -> Option<&Question> {
        match kind {
            TrialKind::Comprehension { question } => self.study.comprehension.get(*question as usize),
            _ => None,
        }
    }

    /// Wrong answers to comprehension questions so far.
    pub fn n_misunderstood(&self) -> u32 {
        self.n_misunderstood
    }

    /// Whether the last record is a wrong answer to the question that is shown now.
    pub fn was_misunderstood(&self) -> bool {
        self.records
            .last()
            .is_some_and(|last| last.answer().is_some_and(|answer| self.is_misunderstood(&last.trial, answer)))
    }

    /// Whether the trial shown now comes after a full block, which is the time for a break.
    pub fn is_after_block(&self) -> bool {
        let before = self.study.n_before();
        let done = self.answered.len().saturating_sub(before);
        let every = self.study.break_every as usize;
        every > 0 && done > 0 && done.is_multiple_of(every) && !self.is_finished()
    }

    /// The code that a finished session gives, to be handed to whoever asked for it.
    pub fn completion_code(&self) -> Option<String> {
        self.is_finished().then(|| chain::completion_code(&self.head))
    }

    /// Hash of the newest record: what the next one points to.
    pub fn head(&self) -> &str {
        &self.head
    }

    /// The record to store when the session begins.
    pub fn record(&self) -> &SessionRecord {
        &self.record
    }

    /// The study.
    pub fn study(&self) -> &Study {
        &self.study
    }

    /// What is to stay when the participant withdraws now (UTC milliseconds since 1970).
    pub fn withdrawal(&self, at: f64) -> Withdrawal {
        Withdrawal {
            schema: SESSION_SCHEMA,
            session_id: self.record.id.clone(),
            study_id: self.study.id.clone(),
            study_version: self.study.version,
            at,
            n_records: self.records.len() as u32,
            simulated: self.record.simulated,
        }
    }

    /// All trials, in order.
    pub fn trials(&self) -> &[Trial] {
        &self.trials
    }

    /// The trial to show now; `None` when finished.
    pub fn current(&self) -> Option<&Trial> {
        self.trials.get(self.answered.len())
    }

    /// Trials answered, trials of the session.
    pub fn progress(&self) -> (usize, usize) {
        (self.answered.len(), self.trials.len())
    }

    /// Whether every trial has an answer.
    pub fn is_finished(&self) -> bool {
        self.answered.len() == self.trials.len()
    }

    /// Whether there is an answer to take back. Comprehension questions are answered for good.
    pub fn can_undo(&self) -> bool {
        self.answered.last().is_some_and(|last| !matches!(last.trial, TrialKind::Comprehension { .. }))
    }

    /// The judgments that count so far, one a trial.
    pub fn judgments(&self) -> &[Judgment] {
        &self.answered
    }

    /// Every record so far in the order written, those that were taken back included.
    pub fn records(&self) -> &[Judgment] {
        &self.records
    }

    /// Answers the current trial and moves on, unless a comprehension question was answered wrongly. Store the
    /// judgment before the next trial is shown; if storing fails, go on with a clone of the session from before.
    ///
    /// # Errors
    /// [`StudyError::Finished`], [`StudyError::Answer`] or [`StudyError::ResponseTime`]; the session stays where
    /// it is.
    pub fn answer(&mut self, answer: Answer, act: Act) -> Result<Judgment, StudyError> {
        let trial = self.current().ok_or(StudyError::Finished)?;
        self.check(&answer, trial)?;
        if !act.rt_millis.is_finite() || act.rt_millis < 0.0 || !act.at.is_finite() {
            return Err(StudyError::ResponseTime);
        }
        let judgment = self.new_record(trial, Outcome::Answered { answer }, act);
        self.apply(judgment.clone());
        Ok(judgment)
    }

    /// Takes back the last answer and returns to its trial. The record that says so is to be stored like a judgment;
    /// `None` if there is nothing to take back. `at` is in UTC milliseconds since 1970.
    pub fn undo(&mut self, at: f64, input: Input) -> Option<Judgment> {
        if !self.can_undo() {
            return None;
        }
        let last = self.answered.last()?;
        let trial = self.trials.get(last.trial_index as usize)?;
        let act = Act { rt_millis: 0.0, at, input, focus_losses: 0 };
        let record = self.new_record(trial, Outcome::Undone { uuid: last.uuid.clone() }, act);
        self.apply(record.clone());
        Some(record)
    }

    fn new_record(&self, trial: &Trial, answer: Outcome, act: Act) -> Judgment {
        Judgment {
            schema: JUDGMENT_SCHEMA,
            uuid: format!("{}-{:05}", self.record.id, self.records.len()),
            seq: self.records.len() as u32,
            session_id: self.record.id.clone(),
            study_id: self.study.id.clone(),
            study_version: self.study.version,
            trial_index: trial.index,
            trial: trial.kind.clone(),
            stimuli: trial.ids(),
            answer,
            rt_millis: act.rt_millis,
            shown_at: act.at - act.rt_millis,
            at: act.at,
            input: act.input,
            focus_losses: act.focus_losses,
            undo_count: self.undo_counts.get(&trial.index).copied().unwrap_or(0),
            labeller: self.record.labeller,
            simulated: self.record.simulated,
            previous: self.head.clone(),
        }
    }
}
