//! One participant's way through a study.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::StudyError;
use super::assign;
use super::judgment::{Input, JUDGMENT_SCHEMA, Judgment, Labeller, Outcome};
use super::pair_rating::{self, Answer, Trial};
use super::study::Study;

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

/// A session: its trials and how far it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Session {
    study: Study,
    record: SessionRecord,
    trials: Vec<Trial>,
    /// Ratings that count, oldest first: exactly one for each trial before the current one.
    answered: Vec<Judgment>,
    n_records: u32,
    undo_counts: BTreeMap<u32, u32>,
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
            seed,
            consent,
            started_at: now,
            n_trials: trials.len() as u32,
            labeller,
            simulated: labeller == Labeller::Simulation,
        };
        Ok(Self {
            study: study.clone(),
            record,
            trials,
            answered: Vec::new(),
            n_records: 0,
            undo_counts: BTreeMap::new(),
        })
    }

    /// Rebuilds a session after a reload from its record and its judgments in the order they were written.
    /// A record that is there twice counts once.
    ///
    /// # Errors
    /// [`StudyError::Study`] or [`StudyError::Consent`] as [`Self::begin`]; [`StudyError::Record`] if the records
    /// belong to another session, study or version, or do not follow each other.
    pub fn resume(study: &Study, record: SessionRecord, judgments: &[Judgment]) -> Result<Self, StudyError> {
        if record.schema != SESSION_SCHEMA
            || record.study_id != study.id
            || record.study_version != study.version
            || record.n_trials as usize != study.n_trials()
        {
            let detail = format!("it is of study {} version {}", record.study_id, record.study_version);
            return Err(StudyError::Record { uuid: record.id, detail });
        }
        let (id, labeller) = (record.id.clone(), record.labeller);
        let mut session = Self::new(study, record.seed, id, record.consent, record.started_at, labeller)?;
        session.record = record;
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

    fn replay(&mut self, judgment: &Judgment) -> Result<(), &'static str> {
        if judgment.schema != JUDGMENT_SCHEMA || judgment.session_id != self.record.id {
            return Err("it is of another session");
        }
        if judgment.labeller != self.record.labeller || judgment.simulated != self.record.simulated {
            return Err("it is of another labeller");
        }
        if judgment.seq != self.n_records {
            return Err("a record before it is missing");
        }
        match &judgment.answer {
            Outcome::Rated { rating } => {
                let trial = self.current().ok_or("the session was finished before")?;
                let shown = [&trial.left.id, &trial.right.id];
                if judgment.trial_index != trial.index
                    || judgment.trial != trial.kind
                    || shown != judgment.stimuli.each_ref()
                {
                    return Err("it answers another trial");
                }
                pair_rating::validate(Answer { rating: *rating }, &self.study.scale)
                    .or(Err("its rating is off the scale"))?;
                self.answered.push(judgment.clone());
            }
            Outcome::Undone { uuid } => {
                let last = self.answered.pop().ok_or("there is nothing to take back")?;
                if last.uuid != *uuid {
                    return Err("it takes back an answer that is not the last one");
                }
                *self.undo_counts.entry(last.trial_index).or_default() += 1;
            }
        }
        self.n_records += 1;
        Ok(())
    }

    /// The record to store when the session begins.
    pub fn record(&self) -> &SessionRecord {
        &self.record
    }

    /// The study.
    pub fn study(&self) -> &Study {
        &self.study
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

    /// Whether there is an answer to take back.
    pub fn can_undo(&self) -> bool {
        !self.answered.is_empty()
    }

    /// The judgments that count so far, one a trial.
    pub fn judgments(&self) -> &[Judgment] {
        &self.answered
    }

    /// Answers the current trial and moves on. Store the judgment before the next trial is shown; if storing fails,
    /// go on with a clone of the session from before.
    /// `rt_millis` counts from the first paint of the trial; `now` is in UTC milliseconds since 1970.
    ///
    /// # Errors
    /// [`StudyError::Finished`], [`StudyError::OffScale`] or [`StudyError::ResponseTime`]; the session stays where
    /// it is.
    pub fn answer(&mut self, answer: Answer, rt_millis: f64, now: f64, input: Input) -> Result<Judgment, StudyError> {
        let trial = self.current().ok_or(StudyError::Finished)?;
        pair_rating::validate(answer, &self.study.scale)?;
        if !rt_millis.is_finite() || rt_millis < 0.0 {
            return Err(StudyError::ResponseTime);
        }
        let judgment = self.new_record(trial, Outcome::Rated { rating: answer.rating }, rt_millis, now, input);
        self.answered.push(judgment.clone());
        self.n_records += 1;
        Ok(judgment)
    }

    /// Takes back the last answer and returns to its trial. The record that says so is to be stored like a judgment;
    /// `None` if there is nothing to take back.
    pub fn undo(&mut self, now: f64, input: Input) -> Option<Judgment> {
        let last = self.answered.pop()?;
        let trial = self.trials.get(last.trial_index as usize)?;
        let record = self.new_record(trial, Outcome::Undone { uuid: last.uuid }, 0.0, now, input);
        self.n_records += 1;
        *self.undo_counts.entry(last.trial_index).or_default() += 1;
        Some(record)
    }

    fn new_record(&self, trial: &Trial, answer: Outcome, rt_millis: f64, now: f64, input: Input) -> Judgment {
        Judgment {
            schema: JUDGMENT_SCHEMA,
            uuid: format!("{}-{:05}", self.record.id, self.n_records),
            seq: self.n_records,
            session_id: self.record.id.clone(),
            study_id: self.study.id.clone(),
            study_version: self.study.version,
            trial_index: trial.index,
            trial: trial.kind.clone(),
            stimuli: [trial.left.id.clone(), trial.right.id.clone()],
            answer,
            rt_millis,
            shown_at: now - rt_millis,
            at: now,
            input,
            undo_count: self.undo_counts.get(&trial.index).copied().unwrap_or(0),
            labeller: self.record.labeller,
            simulated: self.record.simulated,
        }
    }
}
