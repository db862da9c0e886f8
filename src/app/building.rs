//! The study builder: which control of the form a wrong field of a study belongs to.

use crate::study::StudyError;

/// Id of the form's control for a field of a study, and what that control is called.
pub fn control_of(field: &str) -> (&'static str, &'static str) {
    let starts = |start: &str| field.starts_with(start);
    match field {
        "title" => ("draft-title", "Title"),
        "id" | "schema" => ("draft-id", "Id"),
        "instructions" => ("draft-instructions", "Instructions"),
        "consent.text" => ("draft-consent", "Consent"),
        "n_repeats" => ("draft-repeats", "Repeats"),
        "design.n_trials" | "adaptive.n_pairs" => ("draft-trials", "Trials"),
        _ if starts("adaptive") => ("draft-holdout", "Held out"),
        "resume.max_age_hours" => ("draft-max-age", "Hours"),
        _ if starts("collect") => ("draft-endpoint", "Server"),
        _ if starts("completion") => ("draft-redirect", "Where to"),
        _ if starts("catch_trials") => ("draft-catch", "Catch trials"),
        _ if starts("design.labels") => ("draft-labels", "Labels"),
        _ if starts("design.axes") => ("draft-axes", "Questions"),
        "design.n_shown" | "design.max_chars" => ("draft-scale", "Number"),
        _ if starts("design.scale") || starts("design.confidence") => ("draft-scale", "Scale"),
        _ => ("draft-items", "Things to judge"),
    }
}

/// The control and a sentence about what is wrong with it.
pub fn complaint(error: &StudyError) -> (&'static str, String) {
    match error {
        StudyError::Study { field, detail } => {
            let (control, name) = control_of(field);
            (control, format!("{name} ({field}): {detail}"))
        }
        other => ("draft-items", other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::study::draft::{Draft, Kind};

    #[test]
    fn a_wrong_number_of_repeats_is_shown_at_its_control() {
        let draft = Draft { n_repeats: 99, ..Draft::template(Kind::PairRating) };
        let (control, sentence) = complaint(&draft.study().unwrap_err());
        assert_eq!(control, "draft-repeats");
        assert!(sentence.starts_with("Repeats (n_repeats): 99 "), "{sentence}");
    }
}
