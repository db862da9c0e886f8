//! Handing a finished session to a server that the study names: what is sent, and what its reply means. Nothing is sent
//! without the participant's consent to the named host, and what was sent stays in the browser.
//!
//! Two kinds of server are known. [`Server::DataPipe`] is the one of <https://pipe.jspsych.org>: `POST` of
//! `{experimentID, filename, data}`, where a file of the same name is refused, so that the session's own file name makes a
//! repeated request harmless. [`Server::Generic`] gets `{study, session, data}` with the header `Idempotency-Key`, and is
//! to keep what it got first under a key.

use serde::{Deserialize, Serialize};

use super::StudyError;
use super::conduct::host_of;
use super::study::Study;

/// Version of the record's shape.
pub const DELIVERY_SCHEMA: u32 = 1;
/// `DataPipe`'s gateway rejects more before its program sees it (jspsych/datapipe #148).
pub const MAX_BYTES: u32 = 32_000_000;
/// Bytes that one trial's record may take as JSON, generously; an arrangement's grows with what lies on the field.
const TRIAL_BYTES: u32 = 1_200;
/// Seconds until the next attempt, after each failed one; the last one repeats.
const PAUSES: [f64; 5] = [5.0, 15.0, 60.0, 300.0, 900.0];

/// How a server wants to be spoken to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Server {
    /// `DataPipe`, and what speaks as it does.
    #[serde(rename = "datapipe")]
    DataPipe,
    /// Any other.
    #[default]
    Generic,
}

/// Where finished sessions go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Collect {
    /// Address to post to; `https:` only.
    pub endpoint: String,
    /// How it wants to be spoken to.
    #[serde(default)]
    pub server: Server,
    /// `DataPipe`'s id of the experiment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub experiment_id: Option<String>,
    /// Most bytes the server takes.
    #[serde(default = "max_bytes")]
    pub max_bytes: u32,
    /// Whether the hashed recruitment ids go with the answers.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub recruitment: bool,
}

fn max_bytes() -> u32 {
    MAX_BYTES
}

impl Collect {
    /// The host that answers go to; empty for a damaged address.
    pub fn host(&self) -> &str {
        host_of(&self.endpoint).unwrap_or_default()
    }

    pub(super) fn validate(&self, n_trials: usize, n_shown: usize) -> Result<(), StudyError> {
        if host_of(&self.endpoint).is_none() {
            return Err(StudyError::field("collect.endpoint", "it is not a plain https: address"));
        }
        let plain = |id: &String| !id.is_empty() && id.len() <= 128 && id.chars().all(|c| c.is_ascii_alphanumeric());
        match (self.server, &self.experiment_id) {
            (Server::DataPipe, Some(id)) if plain(id) => {}
            (Server::DataPipe, _) => {
                return Err(StudyError::field("collect.experiment_id", "DataPipe needs it: letters and digits"));
            }
            (Server::Generic, None) => {}
            (Server::Generic, Some(_)) => {
                return Err(StudyError::field("collect.experiment_id", "only DataPipe has one"));
            }
        }
        if self.max_bytes == 0 || self.max_bytes > MAX_BYTES {
            return Err(StudyError::field("collect.max_bytes", format!("it must be 1 to {MAX_BYTES}")));
        }
        // Better here than after the last trial.
        let expected = expected_bytes(n_trials, n_shown);
        if expected > u64::from(self.max_bytes) {
            let detail = format!("a session may take {expected} bytes, more than {}", self.max_bytes);
            return Err(StudyError::field("collect.max_bytes", detail));
        }
        Ok(())
    }

    /// The body of the request that hands on a session. `data` is the text of the session's file.
    pub fn body(&self, study: &Study, session_id: &str, data: &str) -> String {
        match (self.server, &self.experiment_id) {
            (Server::DataPipe, Some(id)) => {
                serde_json::json!({ "experimentID": id, "filename": file_name(study, session_id), "data": data })
            }
            _ => serde_json::json!({ "study": study.id, "session": session_id, "data": data }),
        }
        .to_string()
    }
}

/// Bytes that a session of so many trials with so many things each may take.
pub fn expected_bytes(n_trials: usize, n_shown: usize) -> u64 {
    2_000 + n_trials as u64 * (u64::from(TRIAL_BYTES) + 120 * n_shown as u64)
}

/// Name of a session's file: no two sessions have the same.
pub fn file_name(study: &Study, session_id: &str) -> String {
    format!("study-{}_session-{session_id}.json", study.id)
}

/// How far the delivery of a session is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case", deny_unknown_fields)]
pub enum DeliveryState {
    /// It is to be sent when every trial has an answer.
    Pending,
    /// The server has it.
    Sent {
        /// When it said so (UTC milliseconds since 1970).
        at: f64,
    },
    /// The server will not have it; asking again is of no use before something changes.
    Refused {
        /// What it said.
        detail: String,
    },
    /// The participant saved a file instead.
    SavedInstead,
}

/// The stored record of a delivery; the newest of a session counts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Delivery {
    /// [`DELIVERY_SCHEMA`].
    pub schema: u32,
    /// The session; also the key under which a server keeps it once.
    pub session_id: String,
    /// [`Study::hash`].
    pub study_sha256: String,
    /// The host that the participant agreed to.
    pub host: String,
    /// When (UTC milliseconds since 1970).
    pub agreed_at: f64,
    /// How far it is.
    pub state: DeliveryState,
}

impl Delivery {
    /// What is stored when a participant agrees at `now` (UTC milliseconds since 1970) that a session is sent.
    pub fn agreed(study: &Study, collect: &Collect, session_id: &str, now: f64) -> Self {
        Self {
            schema: DELIVERY_SCHEMA,
            session_id: session_id.to_owned(),
            study_sha256: study.hash(),
            host: collect.host().to_owned(),
            agreed_at: now,
            state: DeliveryState::Pending,
        }
    }

    /// The same delivery in another state.
    #[must_use]
    pub fn in_state(&self, state: DeliveryState) -> Self {
        Self { state, ..self.clone() }
    }
}

/// What a reply means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// The server has the session, now or from an earlier attempt.
    Taken,
    /// It may work later.
    Later(String),
    /// It will not work as it is.
    Refused(String),
}

/// Reads a reply: its status and its text. `sent` are the bytes of the data that were sent.
///
/// A server that says how many bytes of data it kept (`bytes`) is believed only if they are all there.
pub fn read_reply(server: Server, status: u16, text: &str, sent: usize) -> Reply {
    let said: Option<serde_json::Value> = serde_json::from_str(text).ok();
    let field = |name: &str| said.as_ref().and_then(|it| it.get(name)).and_then(serde_json::Value::as_str);
    let short = |text: &str| -> String { text.chars().take(200).collect() };
    let words = || short(field("message").or_else(|| field("error")).unwrap_or(text.trim()));
    // DataPipe refuses a second file of the same name, and no other session has this one's.
    if server == Server::DataPipe && field("error") == Some("OSF_FILE_EXISTS") {
        return Reply::Taken;
    }
    match status {
        200..=299 => {
            let kept = said.as_ref().and_then(|it| it.get("bytes")).and_then(serde_json::Value::as_u64);
            match kept {
                Some(kept) if kept != sent as u64 => Reply::Later(format!("it kept {kept} of {sent} bytes")),
                // A body that was cut off is no reply.
                _ if said.is_none() && !text.trim().is_empty() => {
                    Reply::Later("its reply was cut off or is of no known kind".to_owned())
                }
                _ => Reply::Taken,
            }
        }
        // Trouble that passes: too early, too many, timed out; OSF may be away behind DataPipe.
        408 | 425 | 429 | 500..=599 => Reply::Later(format!("status {status}: {}", words())),
        _ if field("error") == Some("OSF_UPLOAD_ERROR") => Reply::Later(words()),
        _ => Reply::Refused(format!("status {status}: {}", words())),
    }
}

/// Seconds to wait after this many failed attempts.
pub fn pause_seconds(n_failed: usize) -> f64 {
    PAUSES[n_failed.saturating_sub(1).min(PAUSES.len() - 1)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::study::draft::{Draft, Kind};

    fn collect() -> Collect {
        serde_json::from_str(
            r#"{"endpoint": "https://pipe.jspsych.org/api/data/", "server": "datapipe", "experiment_id": "abc123"}"#,
        )
        .unwrap()
    }

    #[test]
    fn datapipe_gets_what_its_documentation_asks_for() {
        let study = Draft::template(Kind::Triplet).study().unwrap();
        let body: serde_json::Value = serde_json::from_str(&collect().body(&study, "s1", r#"{"a": 1}"#)).unwrap();
        assert_eq!(body["experimentID"], "abc123");
        assert_eq!(body["filename"], format!("study-{}_session-s1.json", study.id));
        assert_eq!(body["data"], r#"{"a": 1}"#);
        assert_eq!(body.as_object().unwrap().len(), 3);
        assert_eq!(collect().host(), "pipe.jspsych.org");
    }

    #[test]
    fn a_session_that_may_be_too_large_is_refused_before_anybody_takes_part() {
        let wrong = |change: &dyn Fn(&mut Collect), n_trials: usize| {
            let mut it = collect();
            change(&mut it);
            it.validate(n_trials, 3).unwrap_err().to_string()
        };
        assert_eq!(collect().validate(500, 3), Ok(()));
        assert!(wrong(&|it| it.max_bytes = 10_000, 100).contains("collect.max_bytes: a session may take"));
        assert!(wrong(&|it| it.max_bytes = 99_000_000, 1).contains("collect.max_bytes"));
        assert!(wrong(&|it| it.endpoint = "http://a.example/".to_owned(), 1).contains("collect.endpoint"));
        assert!(wrong(&|it| it.experiment_id = None, 1).contains("collect.experiment_id"));
        assert!(wrong(&|it| it.server = Server::Generic, 1).contains("only DataPipe"));
    }

    #[test]
    fn replies_are_taken_later_or_refused() {
        use Server::{DataPipe, Generic};
        let taken = |server, status, text| read_reply(server, status, text, 10) == Reply::Taken;
        assert!(taken(DataPipe, 201, r#"{"message":"Success"}"#));
        assert!(taken(DataPipe, 400, r#"{"error":"OSF_FILE_EXISTS","message":"exists"}"#));
        assert!(!taken(Generic, 400, r#"{"error":"OSF_FILE_EXISTS"}"#));
        assert!(taken(Generic, 204, ""));
        assert!(taken(Generic, 200, r#"{"bytes":10}"#));
        for (status, text) in [
            (200, r#"{"bytes":9}"#),
            (201, r#"{"messa"#),
            (500, ""),
            (503, "x"),
            (429, ""),
            (400, r#"{"error":"OSF_UPLOAD_ERROR"}"#),
        ] {
            assert!(matches!(read_reply(DataPipe, status, text, 10), Reply::Later(_)), "{status} {text}");
        }
        for (status, text) in
            [(400, r#"{"error":"EXPERIMENT_NOT_FOUND"}"#), (401, ""), (404, "no"), (413, ""), (302, "")]
        {
            assert!(matches!(read_reply(DataPipe, status, text, 10), Reply::Refused(_)), "{status} {text}");
        }
        assert_eq!([1, 2, 5, 99].map(pause_seconds), [5.0, 15.0, 900.0, 900.0]);
    }
}
