//! Ids that a recruitment platform puts into the address of a study. They are personal data: they are taken out of the
//! address at once, only salted hashes of them are stored, apart from the session, and no export holds those unless it
//! is asked to. The salt is random, made in this browser for one study, so that hashes of two studies, or of two
//! browsers, cannot be laid side by side. Whoever has the list of ids can find them again with the salt, which goes with
//! the hashes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::chain::hex;

/// Version of the record's shape.
pub const RECRUITMENT_SCHEMA: u32 = 1;
/// Longest id that is taken; longer ones are no ids.
const MAX_ID: usize = 128;
/// What `MTurk` sends in place of an assignment while a worker only looks at a task.
const MTURK_PREVIEW: &str = "ASSIGNMENT_ID_NOT_AVAILABLE";

/// Who sent the participant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Recruiter {
    /// Prolific.
    Prolific,
    /// Amazon Mechanical Turk.
    Mturk,
    /// JATOS.
    Jatos,
    /// Another one, with parameters as Salmon's or Pavlovia's.
    Other,
}

impl Recruiter {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Prolific => "Prolific",
            Self::Mturk => "Mechanical Turk",
            Self::Jatos => "JATOS",
            Self::Other => "the site that sent you here",
        }
    }
}

/// What an id is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// The participant.
    Participant,
    /// The study, as the platform calls it.
    Study,
    /// The one time that the participant takes part.
    Session,
}

/// Parameters by name, in any case. The first platform of which a participant is named counts.
const PARAMETERS: [(&str, Recruiter, Part); 16] = [
    ("PROLIFIC_PID", Recruiter::Prolific, Part::Participant),
    ("STUDY_ID", Recruiter::Prolific, Part::Study),
    ("SESSION_ID", Recruiter::Prolific, Part::Session),
    ("workerId", Recruiter::Mturk, Part::Participant),
    ("hitId", Recruiter::Mturk, Part::Study),
    ("assignmentId", Recruiter::Mturk, Part::Session),
    ("personalSingleWorkerId", Recruiter::Jatos, Part::Participant),
    ("personalMultipleWorkerId", Recruiter::Jatos, Part::Participant),
    ("batchId", Recruiter::Jatos, Part::Study),
    ("srid", Recruiter::Jatos, Part::Session),
    ("puid", Recruiter::Other, Part::Participant),
    ("participant", Recruiter::Other, Part::Participant),
    ("participant_id", Recruiter::Other, Part::Participant),
    ("pid", Recruiter::Other, Part::Participant),
    ("session", Recruiter::Other, Part::Session),
    ("__pilotToken", Recruiter::Other, Part::Study),
];
/// Parameters that are taken out of the address and thrown away.
const DROPPED: [&str; 1] = ["turkSubmitTo"];

/// Ids as they stood in the address; never stored.
#[derive(Clone, PartialEq, Eq)]
pub struct Ids {
    /// Who sent the participant.
    pub recruiter: Recruiter,
    parts: BTreeMap<Part, String>,
    /// Whether somebody only looks at the task before accepting it.
    pub is_preview: bool,
}

impl std::fmt::Debug for Ids {
    // The ids themselves are to be in no log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Ids({:?}, {} ids)", self.recruiter, self.parts.len())
    }
}

/// Takes the ids out of an address's query and fragment, each without its first sign (`?`, `#`): what was found, and
/// what is left of both. A fragment may have a query of its own, as in `/welcome?PROLIFIC_PID=…`.
pub fn take(query: &str, fragment: &str) -> (Option<Ids>, String, String) {
    let mut found: Vec<(Recruiter, Part, String)> = Vec::new();
    let query = take_pairs(query, &mut found);
    let fragment = match fragment.split_once('?') {
        // Only a path: a study in the fragment may hold any sign.
        Some((path, rest)) if !path.contains('=') => {
            let rest = take_pairs(rest, &mut found);
            if rest.is_empty() { path.to_owned() } else { format!("{path}?{rest}") }
        }
        _ => take_pairs(fragment, &mut found),
    };
    let recruiter = found
        .iter()
        .filter(|(_, part, _)| *part == Part::Participant)
        .map(|(recruiter, ..)| *recruiter)
        .min()
        .or_else(|| found.iter().filter(|(it, ..)| *it == Recruiter::Mturk).map(|(it, ..)| *it).min());
    let ids = recruiter.map(|recruiter| {
        let parts: BTreeMap<Part, String> =
            found.iter().filter(|(it, ..)| *it == recruiter).map(|(_, part, id)| (*part, id.clone())).collect();
        let is_preview = parts.values().any(|id| id == MTURK_PREVIEW);
        Ids { recruiter, parts, is_preview }
    });
    (ids, query, fragment)
}

fn take_pairs(pairs: &str, found: &mut Vec<(Recruiter, Part, String)>) -> String {
    let mut left = Vec::new();
    for pair in pairs.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        if DROPPED.iter().any(|it| it.eq_ignore_ascii_case(name)) {
            continue;
        }
        match PARAMETERS.iter().find(|(it, ..)| it.eq_ignore_ascii_case(name)) {
            Some((_, recruiter, part)) => {
                // A placeholder that nobody filled in is no id.
                let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '~' | '@' | '%' | '+');
                let filled = !value.contains("%7B%7B") && !value.contains("%7b%7b");
                if filled && (1..=MAX_ID).contains(&value.len()) && value.chars().all(plain) {
                    found.push((*recruiter, *part, value.to_owned()));
                }
            }
            None => left.push(pair),
        }
    }
    left.join("&")
}

/// Where a session's participant came from, as stored; apart from the session, so that a session can be handed on
/// without it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recruitment {
    /// [`RECRUITMENT_SCHEMA`].
    pub schema: u32,
    /// The session; empty until one has begun.
    pub session_id: String,
    /// [`super::study::Study::hash`].
    pub study_sha256: String,
    /// Who sent the participant.
    pub recruiter: Recruiter,
    /// Random; the same for every session of the study in this browser.
    pub salt: String,
    /// SHA-256 of salt, part and id, for each id; lower-case hexadecimal.
    pub hashes: BTreeMap<Part, String>,
}

impl Recruitment {
    /// The hashes of some ids for a study; `salt` is that of the study's earlier sessions in this browser, or a new one.
    pub fn of_ids(ids: &Ids, study_sha256: &str, salt: &str) -> Self {
        let hash = |part: Part, id: &str| hex(&Sha256::digest(format!("likewise {salt} {part:?} {id}").as_bytes()));
        Self {
            schema: RECRUITMENT_SCHEMA,
            session_id: String::new(),
            study_sha256: study_sha256.to_owned(),
            recruiter: ids.recruiter,
            salt: salt.to_owned(),
            hashes: ids.parts.iter().map(|(part, id)| (*part, hash(*part, id))).collect(),
        }
    }

    /// The same of a session that has begun.
    #[must_use]
    pub fn of_session(mut self, session_id: &str) -> Self {
        session_id.clone_into(&mut self.session_id);
        self
    }

    /// Whether both are of one participant.
    pub fn is_same_participant(&self, other: &Self) -> bool {
        let participant = |it: &Self| it.hashes.get(&Part::Participant).cloned();
        self.recruiter == other.recruiter
            && self.salt == other.salt
            && participant(self).is_some()
            && participant(self) == participant(other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(query: &str) -> Ids {
        take(query, "").0.unwrap()
    }

    #[test]
    fn ids_are_taken_out_of_query_and_fragment_and_the_rest_stays() {
        let (ids, query, fragment) = take(
            "study=shapes&PROLIFIC_PID=5f1&STUDY_ID=60a&SESSION_ID=7&utm=x",
            "study=%7B%22a%22%3A%22%3Fpid%3D1%22%7D&workerId=A1",
        );
        let ids = ids.unwrap();
        assert_eq!(ids.recruiter, Recruiter::Prolific);
        assert_eq!(ids.parts.values().collect::<Vec<_>>(), ["5f1", "60a", "7"]);
        assert_eq!(
            (query.as_str(), fragment.as_str()),
            ("study=shapes&utm=x", "study=%7B%22a%22%3A%22%3Fpid%3D1%22%7D")
        );
        let (ids, _, fragment) = take("", "/welcome/prolific/?PROLIFIC_PID=5f1");
        assert_eq!((ids.unwrap().recruiter, fragment.as_str()), (Recruiter::Prolific, "/welcome/prolific/"));
        assert_eq!(take("study=shapes", "class=1"), (None, "study=shapes".to_owned(), "class=1".to_owned()));
    }

    #[test]
    fn every_platform_is_known_and_placeholders_are_no_ids() {
        for (query, recruiter) in [
            ("workerId=A1&assignmentId=B2&hitId=C3&turkSubmitTo=https%3A%2F%2Fx", Recruiter::Mturk),
            ("personalSingleWorkerId=3&batchId=1", Recruiter::Jatos),
            ("puid=abc", Recruiter::Other),
            ("participant=p7&session=2", Recruiter::Other),
        ] {
            let (ids, rest, _) = take(query, "");
            assert_eq!((ids.unwrap().recruiter, rest.as_str()), (recruiter, ""), "{query}");
        }
        assert!(ids("assignmentId=ASSIGNMENT_ID_NOT_AVAILABLE&hitId=C3").is_preview);
        assert!(!ids("workerId=A1&assignmentId=B2").is_preview);
        for query in ["PROLIFIC_PID=%7B%7B%25PROLIFIC_PID%25%7D%7D", "PROLIFIC_PID=", "session=2", "puid=<b>"] {
            let (ids, rest, _) = take(query, "");
            assert_eq!((ids, rest.as_str()), (None, ""), "{query}");
        }
        assert_eq!(take(&format!("puid={}", "x".repeat(200)), "").0, None);
    }

    #[test]
    fn hashes_hide_the_id_and_tell_participants_apart_within_a_study_only() {
        let of = |query, salt| Recruitment::of_ids(&ids(query), "study", salt);
        let one = of("PROLIFIC_PID=5f1&SESSION_ID=7", "salt");
        assert!(!serde_json::to_string(&one).unwrap().contains("5f1"));
        assert!(one.is_same_participant(&of("PROLIFIC_PID=5f1&SESSION_ID=8", "salt").of_session("s")));
        assert!(!one.is_same_participant(&of("PROLIFIC_PID=5f2&SESSION_ID=7", "salt")));
        assert!(!one.is_same_participant(&of("PROLIFIC_PID=5f1&SESSION_ID=7", "other")));
        assert!(!one.is_same_participant(&of("workerId=5f1", "salt")));
        // What a researcher with the list of ids computes: `sha256("likewise SALT Participant ID")`.
        let hash = hex(&Sha256::digest(b"likewise salt Participant 5f1"));
        assert_eq!(one.hashes[&Part::Participant], hash);
        assert_eq!(format!("{:?}", ids("puid=secret")), "Ids(Other, 1 ids)");
    }
}
