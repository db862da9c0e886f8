//! A set of pictures in `VisAlign`'s shape, from the archive to the numbers of a run. The archive is made by
//! `tests/golden/make/picture_set.py`.

use likewise::eval::abstention::{Abstention, Judge};
use likewise::eval::engine::Response;
use likewise::eval::picture_set::{PictureSet, is_picture, is_table, source_of};
use likewise::eval::run::ItemResult;
use likewise::eval::score::{Outcome, Score, Verdict};
use likewise::eval::sight::{ABSTAIN, Labels, slot_of, wanted_labels};
use likewise::eval::tasks::visalign::{gold_answer, gold_slot};
use likewise::formats::archive::unzip;
use likewise::report::sight::sight_row;

fn shapes() -> PictureSet {
    let bytes = include_bytes!("../golden/sets/shapes.zip");
    let files = unzip(bytes, |path| is_picture(path) || is_table(path)).unwrap();
    let (pictures, tables): (Vec<_>, Vec<_>) = files.into_iter().partition(|it| is_picture(&it.0));
    let names: Vec<String> = pictures.into_iter().map(|(path, _)| path).collect();
    let tables: Vec<(String, String)> =
        tables.into_iter().map(|(path, text)| (path, String::from_utf8(text).unwrap())).collect();
    PictureSet::new("shapes.zip", "key", &names, &tables).unwrap()
}

#[test]
fn an_archive_of_the_published_shape_is_read_whole() {
    let set = shapes();
    let counts: Vec<(u8, usize, usize)> = set.counts().iter().map(|it| (it.0, it.2, it.3)).collect();
    let expected = [(1, 20, 20), (2, 3, 3), (3, 3, 3), (4, 2, 2), (5, 2, 2), (6, 2, 2), (7, 2, 2), (8, 8, 8)];
    assert_eq!(counts, expected);
    assert_eq!(set.n_refused, 0);
    assert!(set.attribution.contains("CC BY 4.0"));
    let foggy = set.items.iter().find(|it| it.id.ends_with("1-bear-defocus_blur-7.jpg")).unwrap();
    let gold = gold_answer(foggy).unwrap();
    assert!((gold[7] - 0.3).abs() < 1e-12 && (gold[ABSTAIN] - 0.7).abs() < 1e-12);
    assert_eq!(gold_slot(foggy), Some(ABSTAIN));
    assert_eq!(foggy.part("source"), source_of("key", &foggy.id));
}

/// What a model would say that gives all of its ten classes' probability to `slot` and `mass` to the ten together.
fn said(slot: usize, mass: f64) -> Response {
    let first = [Some(0), Some(1), Some(2), None, Some(3), None, Some(5), Some(6), None, None];
    let mut logits = vec![-900.0; wanted_labels().len()];
    if let Some(at) = first.get(slot).copied().flatten() {
        logits[at] = 0.0;
    }
    let features = (0..12).map(|at| if at == slot { 9.0 } else { (at as f32 + mass as f32) * 0.1 }).collect();
    Response::Classified {
        labels: Labels::ImageNet,
        top: Vec::new(),
        logits,
        log_sum_exp: -mass.max(1e-300).ln(),
        features,
        crops: Vec::new(),
        millis: 1.0,
    }
}

#[test]
fn a_model_that_answers_as_people_do_has_no_distance() {
    let results: Vec<ItemResult> = shapes()
        .items
        .into_iter()
        .enumerate()
        .map(|(index, item)| {
            let gold = gold_answer(&item).unwrap();
            let class = slot_of(item.part("clean_slot")).unwrap_or(ABSTAIN);
            let response = said(if class == ABSTAIN { 0 } else { class }, 1.0 - gold[ABSTAIN]);
            let score = Score::new(Outcome::Abstained, "", String::new());
            ItemResult {
                schema: 1,
                run_id: "r".to_owned(),
                index,
                verdict: Verdict::of(&score, &item.target),
                item,
                score,
                responses: vec![response],
                millis: 1.0,
            }
        })
        .collect();
    let row = sight_row(&results, Abstention::Mass, 0.5);
    assert_eq!(row["n"], 42);
    assert_eq!(row["n_gold"], 42);
    for category in ["3", "4", "5", "6", "7", "8"] {
        let distance = row["hellinger"][category]["value"].as_f64().unwrap();
        assert!(distance < 1e-6, "{category}: {distance}");
    }
    // Four of the ten classes are none of the model's: there it gives every class that it has the same share.
    assert!(row["hellinger"]["1"]["value"].as_f64().unwrap() > 0.1);
    for function in [Abstention::Mahalanobis, Abstention::Nearest, Abstention::Tapudd] {
        let row = sight_row(&results, function, 0.5);
        assert!(row["basis"].as_str().unwrap().contains("20 clean pictures of 10 of the ten classes"), "{row}");
        assert_eq!(row["n"], 42);
    }
    assert!(sight_row(&results, Abstention::Crops, 0.5)["not_used"].as_str().unwrap().contains("corners"));
    assert!(Judge::new(Abstention::Mass, &[]).is_ok());
}
