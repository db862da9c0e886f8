//! What a key or a button means for the trial that is shown.

use crate::study::design::Design;
use crate::study::label::KEYS;
use crate::study::session::Session;
use crate::study::trial::{Answer, Preferred, Trial, TrialKind};

/// A label, or `None` for "I can't tell".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenLabel(pub Option<String>);

/// What was chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// A whole answer.
    Answer(Answer),
    /// A label of which it remains to be said how sure.
    Label(GivenLabel),
    /// The ratings so far, of which some are still missing.
    Ratings(Vec<u8>),
}

/// What a label means: with a question about confidence it is only the first half of the answer.
pub fn choose_label(design: &Design, label: Option<String>) -> Choice {
    match design {
        Design::Label { confidence: Some(_), .. } => Choice::Label(GivenLabel(label)),
        _ => Choice::Answer(Answer::Label { label, confidence: None }),
    }
}

/// What one more rating means: the answer, if it was the last one.
pub fn add_rating(design: &Design, ratings: &[u8], rating: u8) -> Option<Choice> {
    let Design::AnswerRating { axes, scale, .. } = design else { return None };
    if !scale.contains(rating) || ratings.len() >= axes.len() {
        return None;
    }
    let mut ratings = ratings.to_vec();
    ratings.push(rating);
    let whole = ratings.len() == axes.len();
    Some(if whole { Choice::Answer(Answer::Ratings { ratings }) } else { Choice::Ratings(ratings) })
}

/// What a key means, by its name in a keyboard event; `label` is one that waits for its confidence, `ratings`
/// are those that wait for the rest. Up and down stay
/// for scrolling.
pub fn choice_of_key(session: &Session, key: &str, label: Option<&GivenLabel>, ratings: &[u8]) -> Option<Choice> {
    let trial = session.current()?;
    let digit = key.parse::<u8>().ok().filter(|_| key.len() == 1);
    if matches!(trial.kind, TrialKind::Comprehension { .. }) {
        let option = digit?.checked_sub(1)?;
        let fits = session.question_of(&trial.kind).is_some_and(|it| usize::from(option) < it.options.len());
        return fits.then_some(Choice::Answer(Answer::Option { option }));
    }
    choice_of_trial_key(&session.study().design, trial, key, digit, label, ratings)
}

fn choice_of_trial_key(
    design: &Design,
    trial: &Trial,
    key: &str,
    digit: Option<u8>,
    label: Option<&GivenLabel>,
    ratings: &[u8],
) -> Option<Choice> {
    match design {
        Design::PairRating { scale } => {
            let rating = digit.filter(|rating| scale.contains(*rating))?;
            Some(Choice::Answer(Answer::Rating { rating }))
        }
        Design::Triplet { .. } => {
            let place = match (key, digit) {
                ("ArrowLeft", _) => 0,
                ("ArrowRight", _) => 2,
                (_, Some(digit)) => usize::from(digit).checked_sub(1)?,
                _ => return None,
            };
            let stimulus = trial.stimuli.get(place)?.id.clone();
            Some(Choice::Answer(Answer::OddOne { stimulus }))
        }
        Design::AnchoredTriplet { .. } => {
            let place = match (key, digit) {
                ("ArrowLeft", _) | (_, Some(1)) => 1,
                ("ArrowRight", _) | (_, Some(2)) => 2,
                _ => return None,
            };
            let stimulus = trial.stimuli.get(place)?.id.clone();
            Some(Choice::Answer(Answer::Closer { stimulus }))
        }
        Design::AnswerRating { .. } => add_rating(design, ratings, digit?),
        // Typed or put down in their own controls.
        Design::FreeLabel { .. } | Design::Arrangement { .. } => None,
        Design::Preference { .. } => {
            let preferred = match (key, digit) {
                ("ArrowLeft", _) => Preferred::Left,
                ("ArrowRight", _) => Preferred::Right,
                (_, Some(digit)) => *Preferred::ALL.get(usize::from(digit).checked_sub(1)?)?,
                _ => return None,
            };
            Some(Choice::Answer(Answer::Preference { preferred }))
        }
        Design::Label { labels, confidence } => match (label, confidence) {
            (Some(GivenLabel(label)), Some(scale)) => {
                let sure = digit.filter(|sure| scale.contains(*sure))?;
                Some(Choice::Answer(Answer::Label { label: label.clone(), confidence: Some(sure) }))
            }
            _ if key == "0" => Some(choose_label(design, None)),
            _ => {
                let place = KEYS.iter().position(|it| it.eq_ignore_ascii_case(key))?;
                labels.get(place).map(|it| choose_label(design, Some(it.id.clone())))
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::study::judgment::Input;
    use crate::study::session::Act;
    use crate::study::study::Study;

    fn session_of(json: &str) -> Session {
        Session::begin_simulated(&Study::from_json(json).unwrap(), 3, "s".to_owned(), 0.0).unwrap()
    }

    fn answer(choice: Option<Choice>) -> Answer {
        match choice {
            Some(Choice::Answer(answer)) => answer,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn keys_rate_pairs_on_the_scale_only() {
        let session = session_of(include_str!("../../public/studies/everyday_words.json"));
        assert_eq!(answer(choice_of_key(&session, "7", None, &[])), Answer::Rating { rating: 7 });
        for key in ["0", "8", "x", "+1", "ArrowLeft", "10"] {
            assert_eq!(choice_of_key(&session, key, None, &[]), None, "{key}");
        }
    }

    #[test]
    fn the_tenth_label_has_a_letter_and_zero_is_not_knowing() {
        let mut study = Study::from_json(include_str!("../../public/studies/animals.json")).unwrap();
        (study.comprehension, study.practice, study.catch_trials) = Default::default();
        let session = Session::begin_simulated(&study, 1, "id".to_owned(), 0.0).unwrap();
        let label = |key: &str| choice_of_key(&session, key, None, &[]);
        for (key, wanted) in
            [("1", Some("tiger")), ("9", Some("bear")), ("a", Some("human")), ("A", Some("human")), ("0", None)]
        {
            assert_eq!(label(key), Some(Choice::Label(GivenLabel(wanted.map(str::to_owned)))), "{key}");
        }
        assert_eq!((label("b"), label("u"), label("10")), (None, None, None));
    }

    #[test]
    fn keys_answer_questions_and_choose_the_odd_one_by_its_place() {
        let mut session = session_of(include_str!("../../public/studies/odd_one_out.json"));
        assert_eq!(choice_of_key(&session, "4", None, &[]), None);
        assert_eq!(choice_of_key(&session, "0", None, &[]), None);
        let right = answer(choice_of_key(&session, "2", None, &[]));
        assert_eq!(right, Answer::Option { option: 1 });
        session.answer(right, Act { rt_millis: 900.0, at: 0.0, input: Input::Keyboard, focus_losses: 0 }).unwrap();
        let ids = session.current().unwrap().ids();
        for (key, place) in [("1", 0), ("2", 1), ("3", 2), ("ArrowLeft", 0), ("ArrowRight", 2)] {
            let chosen = answer(choice_of_key(&session, key, None, &[]));
            assert_eq!(chosen, Answer::OddOne { stimulus: ids[place].clone() }, "{key}");
        }
        assert_eq!(choice_of_key(&session, "4", None, &[]), None);
        assert_eq!(choice_of_key(&session, "0", None, &[]), None);
    }

    #[test]
    fn ratings_are_collected_axis_by_axis() {
        use crate::study::draft::{Draft, Kind};
        let study = Draft::template(Kind::AnswerRating).study().unwrap();
        let session = Session::begin_simulated(&study, 3, "s".to_owned(), 0.0).unwrap();
        assert_eq!(choice_of_key(&session, "6", None, &[]), None);
        assert_eq!(choice_of_key(&session, "5", None, &[]), Some(Choice::Ratings(vec![5])));
        assert_eq!(answer(choice_of_key(&session, "1", None, &[5, 2])), Answer::Ratings { ratings: vec![5, 2, 1] });
        assert_eq!(choice_of_key(&session, "1", None, &[5, 2, 1]), None);
        let study = Draft::template(Kind::AnchoredTriplet).study().unwrap();
        let session = Session::begin_simulated(&study, 3, "s".to_owned(), 0.0).unwrap();
        let ids = session.current().unwrap().ids();
        for (key, place) in [("1", 1), ("2", 2), ("ArrowLeft", 1), ("ArrowRight", 2)] {
            assert_eq!(
                answer(choice_of_key(&session, key, None, &[])),
                Answer::Closer { stimulus: ids[place].clone() }
            );
        }
        assert_eq!(choice_of_key(&session, "3", None, &[]), None);
    }
}
