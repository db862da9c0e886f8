//! What holds around the trials of a session: coming back to it, and leaving for another site when it is done.

use serde::{Deserialize, Serialize};

use super::StudyError;
use super::study::Study;

/// Hosts that a study may lead to without naming them: recruitment platforms and survey programs.
pub const KNOWN_HOSTS: [&str; 4] =
    ["app.prolific.com", "app.prolific.co", "connect.cloudresearch.com", "www.mturk.com"];
/// What stands in an address for the completion code of the session.
pub const CODE: &str = "{code}";
/// Longest address.
const MAX_ADDRESS: usize = 2_000;
/// Longest time in hours after which a session may be gone on with: a year.
pub const MAX_AGE_HOURS: u32 = 24 * 366;
const MILLIS_PER_HOUR: f64 = 3_600_000.0;

/// What becomes of an unfinished session when its participant comes back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResumePolicy {
    /// It goes on where it stopped.
    #[default]
    Resume,
    /// A new one begins; what was answered stays stored as an unfinished session.
    Restart,
    /// Whoever left cannot come back.
    Block,
}

impl ResumePolicy {
    /// Every policy.
    pub const ALL: [Self; 3] = [Self::Resume, Self::Restart, Self::Block];

    /// Name in files.
    pub fn id(self) -> &'static str {
        match self {
            Self::Resume => "resume",
            Self::Restart => "restart",
            Self::Block => "block",
        }
    }

    /// What it is, for people.
    pub fn title(self) -> &'static str {
        match self {
            Self::Resume => "goes on where it stopped",
            Self::Restart => "starts over",
            Self::Block => "cannot be gone on with",
        }
    }
}

/// Coming back to a session.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resume {
    /// What becomes of an unfinished session.
    #[serde(default)]
    pub policy: ResumePolicy,
    /// Hours after its beginning in which a session can be gone on with; later a new one begins. `None` for no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age_hours: Option<u32>,
}

/// What is to be done with a session that is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Return {
    /// Go on, or show the end.
    GoOn,
    /// Begin a new one.
    StartOver,
    /// Say that it cannot be gone on with.
    Refuse,
}

impl Resume {
    pub(super) fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// What is to be done with a session that began at `started_at`, at `now` (UTC milliseconds since 1970).
    pub fn on_return(self, started_at: f64, now: f64, is_finished: bool) -> Return {
        if is_finished {
            return Return::GoOn;
        }
        let age = now - started_at;
        let is_old = self.max_age_hours.is_some_and(|hours| age > f64::from(hours) * MILLIS_PER_HOUR);
        match self.policy {
            ResumePolicy::Block => Return::Refuse,
            ResumePolicy::Restart => Return::StartOver,
            ResumePolicy::Resume if is_old => Return::StartOver,
            ResumePolicy::Resume => Return::GoOn,
        }
    }

    pub(super) fn validate(self) -> Result<(), StudyError> {
        match self.max_age_hours {
            Some(0) => Err(StudyError::field("resume.max_age_hours", "it must be 1 or more")),
            Some(hours) if hours > MAX_AGE_HOURS => {
                Err(StudyError::field("resume.max_age_hours", format!("{hours} hours, {MAX_AGE_HOURS} are possible")))
            }
            _ => Ok(()),
        }
    }
}

/// Leaving for another site after the last trial.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Completion {
    /// Where to, as an `https:` address; [`CODE`] in it stands for the session's completion code.
    pub redirect: String,
    /// Hosts besides [`KNOWN_HOSTS`] that the study's author answers for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<String>,
}

impl Completion {
    /// Leaving for an address that the study's author gives, who thereby answers for its host. What `kept` names as well
    /// stays named.
    pub fn of_author(redirect: String, kept: Option<&Study>) -> Self {
        let mut hosts = kept.and_then(|it| it.completion.as_ref()).map(|it| it.hosts.clone()).unwrap_or_default();
        if let Some(host) = host_of(&redirect)
            && !KNOWN_HOSTS.contains(&host)
            && !hosts.iter().any(|it| it == host)
        {
            hosts.push(host.to_owned());
        }
        Self { redirect, hosts }
    }

    /// The host that the participant is led to; empty for a damaged address.
    pub fn host(&self) -> &str {
        host_of(&self.redirect).unwrap_or_default()
    }

    /// Whether the host is one of [`KNOWN_HOSTS`], and not only named by the study's author.
    pub fn is_known(&self) -> bool {
        KNOWN_HOSTS.contains(&self.host())
    }

    /// The address with a session's completion code in it.
    pub fn address(&self, code: &str) -> String {
        self.redirect.replace(CODE, code)
    }

    pub(super) fn validate(&self) -> Result<(), StudyError> {
        let host = host_of(&self.redirect)
            .ok_or_else(|| StudyError::field("completion.redirect", "it is not a plain https: address"))?;
        for (index, allowed) in self.hosts.iter().enumerate() {
            if host_of(&format!("https://{allowed}")) != Some(allowed.as_str()) {
                return Err(StudyError::field(&format!("completion.hosts[{index}]"), "it is not the name of a host"));
            }
        }
        if !self.is_known() && !self.hosts.iter().any(|it| it == host) {
            let detail = format!(
                "{host} is not one of {}; name it in completion.hosts if participants are to be led there",
                KNOWN_HOSTS.join(", ")
            );
            return Err(StudyError::field("completion.redirect", detail));
        }
        Ok(())
    }
}

/// Host (with its port, if it names one) of an `https:` address; `None` for any other kind of address, for one with a
/// user name, and for signs that programs read differently.
pub fn host_of(address: &str) -> Option<&str> {
    let rest = address.strip_prefix("https://")?;
    let plain = |c: char| c.is_ascii_graphic() && !matches!(c, '"' | '<' | '>' | '\\' | '`' | '|' | '^');
    if address.len() > MAX_ADDRESS || !rest.chars().all(plain) {
        return None;
    }
    let host = rest.split(['/', '?', '#']).next()?;
    let (name, port) = host.split_once(':').map_or((host, None), |(name, port)| (name, Some(port)));
    let label = |it: &str| {
        (1..=63).contains(&it.len())
            && !it.starts_with('-')
            && !it.ends_with('-')
            && it.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    };
    let named = name.len() <= 253 && name.contains('.') && name.split('.').all(label);
    let ported = port.is_none_or(|port| port.parse::<u16>().is_ok_and(|it| it > 0) && !port.starts_with(['+', '0']));
    (named && ported).then_some(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_https_addresses_have_a_host() {
        for (address, host) in [
            ("https://app.prolific.com/submissions/complete?cc={code}", Some("app.prolific.com")),
            ("https://a.example:8443#x", Some("a.example:8443")),
            ("https://10.0.0.1", Some("10.0.0.1")),
            ("http://app.prolific.com/", None),
            ("javascript:alert(1)", None),
            ("data:text/html,x", None),
            ("https:app.prolific.com", None),
            ("https://app.prolific.com@evil.example/", None),
            ("https://app.prolific.com\\.evil.example/", None),
            ("https://APP.prolific.com/", None),
            ("https://localhost/", None),
            ("https://a.example:0/", None),
            ("https://a.example:99999/", None),
            ("https://a..example/", None),
            ("https://-a.example/", None),
            ("https://a.example/ x", None),
            ("https://", None),
        ] {
            assert_eq!(host_of(address), host, "{address}");
        }
    }

    #[test]
    fn a_host_that_is_not_known_must_be_named_by_the_author() {
        let redirect = "https://survey.example.org/done?c={code}".to_owned();
        let refused = Completion { redirect: redirect.clone(), hosts: Vec::new() }.validate().unwrap_err();
        assert!(refused.to_string().contains("completion.redirect: survey.example.org is not one of"), "{refused}");
        let named = Completion { redirect, hosts: vec!["survey.example.org".to_owned()] };
        assert_eq!(named.validate(), Ok(()));
        assert!(!named.is_known());
        assert_eq!(named.address("ABC"), "https://survey.example.org/done?c=ABC");
        // Not a part of the name: the whole host must be named.
        let redirect = "https://survey.example.org.evil.example/".to_owned();
        assert!(Completion { redirect, hosts: named.hosts }.validate().is_err());
    }

    #[test]
    fn who_comes_back_goes_on_starts_over_or_is_refused() {
        let hour = 3_600_000.0;
        let of = |policy, max_age_hours| Resume { policy, max_age_hours };
        let asked = |resume: Resume, hours: f64, finished| resume.on_return(0.0, hours * hour, finished);
        assert_eq!(asked(Resume::default(), 9_999.0, false), Return::GoOn);
        assert_eq!(asked(of(ResumePolicy::Resume, Some(2)), 1.9, false), Return::GoOn);
        assert_eq!(asked(of(ResumePolicy::Resume, Some(2)), 2.1, false), Return::StartOver);
        assert_eq!(asked(of(ResumePolicy::Restart, None), 0.0, false), Return::StartOver);
        assert_eq!(asked(of(ResumePolicy::Block, Some(9)), 0.0, false), Return::Refuse);
        for policy in ResumePolicy::ALL {
            assert_eq!(asked(of(policy, Some(1)), 50.0, true), Return::GoOn, "the end stays to be seen");
        }
        assert!(of(ResumePolicy::Resume, Some(0)).validate().is_err());
    }
}
