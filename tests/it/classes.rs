//! A class of simulated participants: packets, merging, and the same numbers everywhere.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use likewise::platform::now_millis;
use likewise::report::class_figures::{figures, sentences};
use likewise::report::class_summary::{ClassSummary, class_summary};
use likewise::report::study_formats::{Format, TextFile, export};
use likewise::report::study_plan::{Answering, Planted, Pool, answers_of, plan};
use likewise::stats::rng::Pcg32;
use likewise::store::Record;
use likewise::store::answers::Answers;
use likewise::store::backup::to_jsonl;
use likewise::study::design::{Design, SimulatedParticipant};
use likewise::study::draft::{Draft, Kind};
use likewise::study::gathering::{Gathered, Merge, Merged};
use likewise::study::judgment::Input;
use likewise::study::packet::{Packet, PacketError};
use likewise::study::session::{Act, ConsentGiven, Session};
use likewise::study::study::Study;
use likewise::study::trial::{Answer, TrialKind};

pub(crate) fn shipped(id: &str) -> Study {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("public/studies/{id}.json"));
    Study::from_json(&fs::read_to_string(path).unwrap()).unwrap()
}

/// A simulated session with one answer taken back on its way.
fn simulated(study: &Study, number: u64) -> Session {
    let planted = Planted::new(study, 3);
    let main = answers_of(study, &planted, Answering::Oracle, 0.2, number).unwrap();
    // The session has the seed of the plan's participant, so that its main trials are the same ones.
    let mut session =
        Session::begin_simulated(study, 3_u64.wrapping_mul(1009).wrapping_add(number), format!("s{number:04}"), 1e12)
            .unwrap();
    let mut undone = false;
    while let Some(trial) = session.current().cloned() {
        let answer = match (&trial.kind, session.question_of(&trial.kind)) {
            (_, Some(question)) => Answer::Option { option: question.right },
            (TrialKind::Main, _) => main.iter().find(|(it, _)| it.index == trial.index).unwrap().1.clone(),
            (TrialKind::RepeatOf { trial: of }, _) => main.iter().find(|(it, _)| it.index == *of).unwrap().1.clone(),
            _ => {
                let participant =
                    SimulatedParticipant { similarity: &|_, _| 0.5, strength: &|_| 0.0, noise: 0.0, attentive: true };
                study.design.simulate(&mut || 0.5, &participant, &trial)
            }
        };
        let n = session.records().len() as f64;
        let act = Act { rt_millis: 1234.567 + n / 3.0, at: 1e12 + 2000.0 * n, input: Input::Touch, focus_losses: 0 };
        session.answer(answer, act).unwrap();
        if !undone && session.progress().0 == 20 {
            undone = session.undo(1e12, Input::Keyboard).is_some();
        }
    }
    session
}

pub(crate) fn gathered(study: &Study, n: u64) -> Gathered {
    let mut all = Gathered::new(study.clone());
    for number in 0..n {
        assert_eq!(all.add(&simulated(study, number)), Merge::New);
    }
    all
}

const STUDIES: [&str; 10] = [
    "everyday_words",
    "drawings",
    "odd_one_out",
    "blind_answers",
    "animals",
    "shapes",
    "feelings",
    "kitchen",
    "answer_quality",
    "name_it",
];

#[test]
fn a_packet_gives_back_the_whole_session() {
    let studies =
        STUDIES.into_iter().map(shipped).chain(Kind::ALL.into_iter().map(|it| Draft::template(it).study().unwrap()));
    for study in studies {
        let id = &study.id;
        let session = simulated(&study, 5);
        let text = Packet::of_session(&session).text();
        // Wrapped, indented and signed, as a mail program does.
        let lines: Vec<&str> = text.as_bytes().chunks(70).map(|it| std::str::from_utf8(it).unwrap()).collect();
        let wrapped = lines.join("\n  ");
        for text in [text.clone(), format!("Here it is:\n{wrapped}\nBest, A.")] {
            let packets = Packet::all_in(&text);
            assert_eq!(packets.len(), 1);
            assert_eq!(packets[0].as_ref().unwrap().session(&study).unwrap(), session, "{id}");
        }
        assert!(text.len() < 16_000, "{id}: {} characters", text.len());
    }
}

#[test]
fn a_packet_that_was_changed_or_cut_is_kept_out() {
    let study = shipped("odd_one_out");
    let text = Packet::of_session(&simulated(&study, 1)).text();
    assert!(matches!(Packet::all_in(&text[..text.len() - 5])[0], Err(PacketError::Damaged { .. })));
    let json: String = {
        use base64::Engine as _;
        let data = text.trim_start_matches("likewise1:").trim_end_matches('.');
        String::from_utf8(base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(data).unwrap()).unwrap()
    };
    let packed = |json: &str| {
        use base64::Engine as _;
        format!("likewise1:{}.", base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(json))
    };
    assert_eq!(packed(&json), text);
    let faster = json.replacen("1234.567,", "1235.567,", 1);
    assert_ne!(faster, json);
    assert_eq!(Packet::all_in(&packed(&faster))[0].as_ref().unwrap().session(&study), Err(PacketError::Changed));
    let person = json.replace("\"simulation\"", "\"participant\"").replace("\"simulated\":true", "\"simulated\":false");
    assert_eq!(
        Packet::all_in(&packed(&person))[0].as_ref().unwrap().session(&study),
        Err(PacketError::Changed),
        "a simulated session does not pass for a person's"
    );
    let other = Packet::all_in(&text)[0].as_ref().unwrap().session(&shipped("shapes"));
    assert!(matches!(other, Err(PacketError::OtherStudy { .. })), "{other:?}");
}

#[test]
fn every_session_counts_once_and_simulated_ones_stay_apart() {
    let study = shipped("odd_one_out");
    let whole = simulated(&study, 1);
    let part = Session::resume(&study, whole.record().clone(), &whole.records()[..30]).unwrap();
    let mut all = Gathered::new(study.clone());
    assert_eq!(all.add(&part), Merge::New);
    assert_eq!(all.add(&whole), Merge::Longer);
    assert_eq!(all.add(&part), Merge::Duplicate);
    assert_eq!(all.add(&whole), Merge::Duplicate);
    let mut other = part.clone();
    other.undo(5.0, Input::Pen).unwrap();
    assert_eq!(all.add(&other), Merge::Conflict);
    let consent = ConsentGiven { version: study.consent.version, at: 0.0 };
    let person = Session::begin(&study, 1, "p".into(), consent, 0.0).unwrap();
    assert_eq!(all.add(&person), Merge::OtherKind);
    assert_eq!((all.len(), all.sessions().next().unwrap().records.len()), (1, whole.records().len()));
    let mut merged = Merged::default();
    Answers { packets: vec![Ok(Packet::of_session(&person))], ..Answers::default() }.merge(
        &mut all,
        &mut merged,
        &mut |_| {},
    );
    assert_eq!(merged.refused.len(), 1);
}

#[test]
fn three_hundred_packets_are_merged_and_read_in_seconds() {
    let study = shipped("everyday_words");
    let text: String = (0..300).map(|number| Packet::of_session(&simulated(&study, number)).text() + "\n").collect();
    let text = format!("{text}{text}");
    let began = now_millis();
    let mut all = Gathered::new(study.clone());
    let mut merged = Merged::default();
    Answers::read(&text).unwrap().merge(&mut all, &mut merged, &mut |_| {});
    assert_eq!((merged.n_new, merged.n_duplicates, merged.refused.len()), (300, 300, 0));
    let summary = class_summary(&all);
    let seconds = (now_millis() - began) / 1e3;
    assert_eq!((summary.n_participants, summary.n_finished, summary.n_main), (300, 300, 300 * 66));
    assert!(summary.simulated);
    assert!(seconds < 60.0, "{seconds} s unoptimized");
    let found = summary.similarity.unwrap();
    assert!(found.split_half.value().unwrap().spearman_brown > 0.99);
    let ceiling = found.ceiling.value().unwrap();
    assert!(ceiling.lower.unwrap() < ceiling.upper && ceiling.upper < 1.0);
}

#[test]
fn a_class_recovers_what_was_planted() {
    let template = |kind| Draft::template(kind).study().unwrap();
    for study in [
        shipped("everyday_words"),
        shipped("odd_one_out"),
        template(Kind::AnchoredTriplet),
        template(Kind::Arrangement),
    ] {
        let id = &study.id;
        let planted = Planted::new(&study, 3);
        let found = class_summary(&gathered(&study, 30)).similarity.unwrap();
        let (mut x, mut y) = (Vec::new(), Vec::new());
        let n = study.stimuli.len();
        for i in 0..n {
            for j in i + 1..n {
                if let Some(value) = found.rdm[likewise::stats::rdm::pair_index(i, j, n)] {
                    x.push(value);
                    y.push(-planted.similarity(&study, &study.stimuli[i].id, &study.stimuli[j].id));
                }
            }
        }
        let rho = likewise::stats::rank::spearman(&x, &y).unwrap();
        assert!(rho > 0.9, "{id}: {rho}");
        assert!(found.map.value().unwrap().stress < 0.35);
    }
    let found = class_summary(&gathered(&template(Kind::AnswerRating), 30)).ratings.unwrap();
    // Two sources, three axes each; the second in the alphabet is planted above the first.
    assert_eq!(found.len(), 6);
    for (low, high) in found[..3].iter().zip(&found[3..]) {
        assert!(
            low.source < high.source && low.mean.interval.unwrap().1 < high.mean.interval.unwrap().0,
            "{low:?} {high:?}"
        );
    }
    let study = template(Kind::FreeLabel);
    let found = class_summary(&gathered(&study, 30)).names.unwrap();
    for name in &found[..5] {
        assert_eq!(name.name.as_deref(), Some(name.stimulus.as_str()));
        assert!(name.share.value().unwrap().value > 0.6);
    }
    assert!(found[5].n_abstained > 15, "{:?}", found[5]);
    let study = shipped("blind_answers");
    let found = class_summary(&gathered(&study, 30)).preference.unwrap();
    // Contestants in the order of their names are planted one apart.
    let strengths = found.strengths.value().unwrap();
    assert!(strengths[1].strength > strengths[0].strength, "{strengths:?}");
    assert!(strengths[1].interval.unwrap().0 > 0.0);
    let study = shipped("shapes");
    let [right, wrong, _, _] = class_summary(&gathered(&study, 30)).label.unwrap().counts;
    assert!(right > 3 * wrong, "{right} {wrong}");
}

#[test]
fn the_builder_simulates_with_the_chooser_of_a_session() {
    for kind in [Kind::PairRating, Kind::Triplet, Kind::AnchoredTriplet, Kind::Arrangement] {
        let mut draft = Draft::template(kind);
        draft.set_adaptive(true);
        let study = draft.study().unwrap();
        assert!(likewise::study::adaptive::adapts(&study), "{kind:?}");
        let planted = Planted::new(&study, 3);
        let answers = answers_of(&study, &planted, Answering::Oracle, 0.2, 4).unwrap();
        assert_eq!(answers.len(), study.n_main(), "{kind:?}");
        // A session that is answered so comes to the same questions; the layout that nobody answered does not.
        let seed = 3 * 1009 + 4;
        let mut session = Session::begin_simulated(&study, seed, "s".to_owned(), 0.0).unwrap();
        let mut said = answers.iter();
        while let Some(trial) = session.current().cloned() {
            let answer = match (&trial.kind, session.question_of(&trial.kind)) {
                (_, Some(question)) => Answer::Option { option: question.right },
                (kind, _) if kind.is_main() => {
                    let (asked, answer) = said.next().unwrap();
                    assert_eq!((asked.index, &asked.kind, asked.ids()), (trial.index, &trial.kind, trial.ids()));
                    answer.clone()
                }
                _ => {
                    let any = SimulatedParticipant {
                        similarity: &|_, _| 0.5,
                        strength: &|_| 0.0,
                        noise: 0.0,
                        attentive: true,
                    };
                    study.design.simulate(&mut || 0.5, &any, &trial)
                }
            };
            let act = Act { rt_millis: 1.0, at: 0.0, input: Input::Keyboard, focus_losses: 0 };
            session.answer(answer, act).unwrap();
        }
        let laid_out = likewise::study::assign::trials(&study, seed);
        let other = answers.iter().filter(|(trial, _)| laid_out[trial.index as usize].ids() != trial.ids()).count();
        assert!(other > study.n_main() / 2, "{kind:?}: {other}");
        let held =
            |list: &[likewise::study::trial::Trial]| list.iter().filter(|it| it.kind == TrialKind::HeldOut).count();
        let asked: Vec<_> = answers.iter().map(|(trial, _)| trial.clone()).collect();
        assert_eq!(held(&asked), held(&laid_out), "{kind:?}");
        // And what is told of it says so.
        let mut pool = Pool::new(Answering::Oracle);
        (0..3).for_each(|_| pool.add(&study, &planted, 0.2).unwrap());
        let told = plan(&study, &[pool], 3, 0.2, 1).sentences.join(" ");
        assert!(told.contains("same chooser"), "{told}");
    }
}

#[test]
fn a_class_is_told_whether_it_falls_into_groups_or_lies_between_prototypes() {
    use likewise::report::class_groups::{prototype_sentence, view_table};
    let study = shipped("odd_one_out");
    let summary = class_summary(&gathered(&study, 12));
    let found = summary.groups.value().unwrap();
    assert_eq!((found.candidates.len(), found.prototypes.len()), (3, 2));
    assert_eq!(found.placement.len(), 12);
    assert!(found.placement.values().all(|it| (it.iter().sum::<f64>() - 1.0).abs() < 1e-9));
    // One planted mind: nothing is gained by placing it anywhere.
    assert!(found.between().is_none(), "{:?}", found.prototypes);
    let said = prototype_sentence(&summary.groups).unwrap();
    assert!(said.contains("bits an answer against one prototype (95 % interval") && said.contains("PAL"), "{said}");
    assert!(sentences(&summary).contains(&said));
    let table = view_table(&summary.groups).unwrap();
    assert_eq!((table.rows.len(), table.columns.len()), (5, 6));
}

#[test]
fn the_command_line_gives_the_numbers_of_the_page() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("classes");
    fs::create_dir_all(&folder).unwrap();
    let studies =
        STUDIES.into_iter().map(shipped).chain(Kind::ALL.into_iter().map(|it| Draft::template(it).study().unwrap()));
    for (number, study) in studies.enumerate() {
        let id = format!("{number}-{}", study.id);
        fs::write(folder.join(format!("{id}.json")), serde_json::to_string(&study).unwrap()).unwrap();
        let all = gathered(&study, 6);
        let summary = class_summary(&all);
        let (first, second) = (folder.join(format!("{id}-1.txt")), folder.join(format!("{id}-2.json")));
        let packets: String = (0..5).map(|it| Packet::of_session(&simulated(&study, it)).text()).collect();
        fs::write(&first, packets).unwrap();
        let last = simulated(&study, 5);
        let saved = serde_json::json!({"session": last.record(), "judgments": last.records()});
        fs::write(&second, saved.to_string()).unwrap();
        let out = Command::new(env!("CARGO_BIN_EXE_headless"))
            .args(["analyze", "--study", &format!("{id}.json")])
            .args([&second, &first, &first])
            .current_dir(&folder)
            .output()
            .unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        let printed: ClassSummary = serde_json::from_slice(&out.stdout).unwrap();
        assert_eq!(printed, summary, "{id}");
        for figure in figures(&study, &summary) {
            assert!(figure.notes[0].starts_with("Simulated"), "{}", figure.title);
        }
        assert!(sentences(&summary).len() >= 2);
    }
}

#[test]
fn the_plan_finds_what_is_planted_and_nothing_in_random_answers() {
    for kind in Kind::ALL {
        let study = Draft::template(kind).study().unwrap();
        let planted = Planted::new(&study, 11);
        let mut pools = [Answering::Oracle, Answering::Random].map(Pool::new);
        for pool in &mut pools {
            for _ in 0..120 {
                pool.add(&study, &planted, 0.3).unwrap();
            }
        }
        let power = |pool: usize| pools[pool].power(20, 1).unwrap().value;
        assert!(power(0) > 0.8, "{kind:?}: {}", power(0));
        assert!(power(1) < 0.15, "{kind:?}: random answers are found in {}", power(1));
        let plan = plan(&study, &pools, 50, 0.3, 1);
        assert!(plan.minutes > 0.5 && plan.minutes < 30.0, "{kind:?}: {}", plan.minutes);
        assert!(plan.figure.notes[0].starts_with("Simulated"));
        assert_eq!(plan.sentences.len(), 2 + usize::from(likewise::study::adaptive::adapts(&study)));
    }
}

/// Every format of a class of simulated participants, by name.
fn exported(study: &Study) -> Vec<(Format, Vec<TextFile>)> {
    let all = gathered(study, 2);
    Format::ALL
        .into_iter()
        .filter(|format| format.fits(study))
        .map(|format| (format, export(&all, format).unwrap()))
        .collect()
}

#[test]
fn every_format_of_a_small_class_is_as_it_was() {
    let mut said = Vec::new();
    for kind in [Kind::Triplet, Kind::AnchoredTriplet, Kind::Preference, Kind::Label, Kind::PairRating] {
        let study = Draft::template(kind).study().unwrap();
        for (format, files) in exported(&study) {
            assert_eq!(Format::parse(format.name()), Some(format));
            for file in files {
                let lines: Vec<&str> = file.text.lines().collect();
                said.push(format!("{} {} {}: {} lines", kind.id(), format.name(), file.path, lines.len()));
                // The shape of the head and of the first row; the codebook says the rest.
                if !matches!(format, Format::Csv | Format::PsychDs) {
                    for line in lines.iter().take(2) {
                        said.push(format!("  {}", line.chars().take(200).collect::<String>()));
                    }
                }
            }
        }
    }
    let said = said.join("\n") + "\n";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/exports/study_formats.txt");
    if std::env::var_os("WRITE_GOLDEN").is_some() {
        fs::write(&path, &said).unwrap();
    }
    assert_eq!(fs::read_to_string(path).unwrap(), said);
}

/// Whole files that `tests/golden/make/open_study_exports.py` opens in the packages they are made for.
const OPENED: [(Kind, &[Format]); 5] = [
    (Kind::Triplet, &[Format::Cblearn]),
    (Kind::AnchoredTriplet, &[Format::Cblearn, Format::Salmon]),
    (Kind::PairRating, &[Format::Csv, Format::Rsatoolbox, Format::PsychDs]),
    (Kind::Preference, &[Format::InspectScores]),
    (Kind::Label, &[Format::InspectScores]),
];

#[test]
fn the_files_that_other_packages_opened_are_still_written() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/exports/studies");
    for (kind, formats) in OPENED {
        let study = Draft::template(kind).study().unwrap();
        for (format, files) in exported(&study) {
            for file in files.iter().filter(|_| formats.contains(&format)) {
                // A project of Psych-DS is a folder of its own, which `tests/golden/make/psych_ds.py` validates.
                let place = if format == Format::PsychDs { "psych_ds" } else { "" };
                let path = folder.join(kind.id()).join(place).join(&file.path);
                if std::env::var_os("WRITE_GOLDEN").is_some() {
                    fs::create_dir_all(path.parent().unwrap()).unwrap();
                    fs::write(&path, &file.text).unwrap();
                }
                assert_eq!(fs::read_to_string(&path).unwrap(), file.text, "{}", path.display());
            }
        }
    }
}

#[test]
fn triplets_mean_the_same_in_every_tool() {
    let study = Draft::template(Kind::Triplet).study().unwrap();
    let files = exported(&study);
    let text = |wanted: Format| &files.iter().find(|(format, _)| *format == wanted).unwrap().1[0].text;
    let named: Vec<Vec<&str>> = text(Format::Triplets).lines().skip(1).map(|line| line.split(',').collect()).collect();
    let place = |id: &str| study.stimuli.iter().position(|it| it.id == id).unwrap();
    let vice: Vec<Vec<usize>> =
        text(Format::Vice).lines().map(|line| line.split(' ').map(|it| it.parse().unwrap()).collect()).collect();
    let cblearn: Vec<Vec<usize>> = text(Format::Cblearn)
        .lines()
        .skip(1)
        .map(|line| line.split(',').map(|it| it.parse().unwrap()).collect())
        .collect();
    let things: Vec<Vec<&str>> = text(Format::Things).lines().skip(1).map(|line| line.split('\t').collect()).collect();
    assert_eq!((named.len(), vice.len(), cblearn.len(), things.len()), (60, 60, 120, 60));
    for (row, answer) in named.iter().enumerate() {
        let odd = place(answer[3]);
        assert_eq!(vice[row][2], odd, "VICE ends with the odd one");
        assert_eq!(things[row][things[row][3].parse::<usize>().unwrap() - 1].parse::<usize>().unwrap(), odd + 1);
        for triplet in &cblearn[2 * row..2 * row + 2] {
            assert_eq!(triplet[2], odd, "cblearn: i is closer to j than to k");
            assert!(vice[row][..2].contains(&triplet[0]) && vice[row][..2].contains(&triplet[1]));
        }
    }
}

#[test]
fn a_psych_ds_folder_describes_every_column_and_names_files_by_keywords() {
    let study = Draft::template(Kind::Label).study().unwrap();
    let files = export(&gathered(&study, 3), Format::PsychDs).unwrap();
    let dataset: serde_json::Value = serde_json::from_str(&files[0].text).unwrap();
    let described: Vec<&str> =
        dataset["variableMeasured"].as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap()).collect();
    let data: Vec<&TextFile> = files.iter().filter(|file| file.path.starts_with("data/")).collect();
    assert_eq!(data.len(), 3);
    for file in data {
        let name = file.path.trim_start_matches("data/").strip_suffix("_data.csv").unwrap();
        for pair in name.split('_') {
            let (keyword, value) = pair.split_once('-').unwrap();
            assert!(["study", "subject"].contains(&keyword) && value.chars().all(char::is_alphanumeric), "{name}");
        }
        let columns: Vec<&str> = file.text.lines().next().unwrap().split(',').collect();
        assert_eq!(columns, described);
    }
    assert!(dataset["description"].as_str().unwrap().contains("Simulated"));
}

/// What JSON and packets are made of, and what they are not.
const SIGNS: &[u8] = b"\"{}[]:,0-9eE\\\xff=\n";

#[test]
fn a_thousand_damaged_files_are_refused_or_read_but_never_break_anything() {
    let study = Draft::template(Kind::Triplet).study().unwrap();
    let session = simulated(&study, 1);
    let saved = serde_json::json!({"session": session.record(), "judgments": session.records()}).to_string();
    let backup = {
        let mut records = vec![Record::of_session(session.record()).unwrap(), Record::of_study(&study).unwrap()];
        records.extend(session.records().iter().map(|it| Record::of_judgment(it).unwrap()));
        records.push(Record::of_packet(&Packet::of_session(&session)).unwrap());
        to_jsonl(&records).unwrap()
    };
    let whole = [Packet::of_session(&session).text(), saved, backup, serde_json::to_string(&study).unwrap()];
    let began = now_millis();
    let mut rng = Pcg32::new(99);
    let (mut refused, mut read) = (0, 0);
    for number in 0..1000 {
        let mut bytes = whole[number % whole.len()].clone().into_bytes();
        for _ in 0..=rng.below(4) {
            let at = rng.below(bytes.len());
            match rng.below(6) {
                0 => bytes.truncate(at),
                1 => bytes[at] = SIGNS[rng.below(SIGNS.len())],
                2 => {
                    bytes.remove(at);
                }
                3 => {
                    let part = bytes[at..(at + 40).min(bytes.len())].to_vec();
                    bytes.splice(at..at, part);
                }
                4 => {
                    bytes.splice(at..at, [b'['; 200]);
                }
                _ => {
                    bytes.splice(at..at, b"99999999999999999999".to_vec());
                }
            }
            if bytes.is_empty() {
                bytes.push(b'{');
            }
        }
        let text = String::from_utf8_lossy(&bytes);
        let mut all = Gathered::new(study.clone());
        let mut merged = Merged::default();
        let mut new_one = |_: &Session| ();
        match Answers::read(&text) {
            Ok(answers) => answers.merge(&mut all, &mut merged, &mut new_one),
            Err(error) => merged.refused.push(error.to_string()),
        }
        // Whatever was taken is exactly what was given once: nothing half read counts.
        for taken in all.sessions() {
            assert_eq!(taken.record, *session.record());
            assert!(session.records().starts_with(&taken.records) || taken.records.len() <= session.records().len());
        }
        refused += usize::from(!merged.refused.is_empty());
        read += all.len();
        drop(Study::from_json(&text).map(|study| Draft::of_study(&study)));
    }
    assert!(refused > 300, "{refused} refused, {read} read");
    assert!(now_millis() - began < 120_000.0);
}

/// Sessions of participants who each hold one of two opinions: one group prefers the first source of every prompt, the other
/// the second; 0.15 of the answers are by chance.
fn two_tastes(study: &Study, n: u64, tastes: u64) -> Gathered {
    let mut all = Gathered::new(study.clone());
    for number in 0..n {
        let flip = number % tastes;
        let strength = |id: &str| if id.ends_with("_warm") == (flip == 0) { 2.0 } else { 0.0 };
        let alike = |_: &str, _: &str| 0.5;
        let participant = SimulatedParticipant { similarity: &alike, strength: &strength, noise: 1.0, attentive: true };
        let mut rng = Pcg32::new(900 + number);
        let mut session = Session::begin_simulated(study, number, format!("taste-{number:03}"), 0.0).unwrap();
        while let Some(trial) = session.current().cloned() {
            let answer = match session.question_of(&trial.kind) {
                Some(question) => Answer::Option { option: question.right },
                None => study.design.simulate(&mut || rng.unit(), &participant, &trial),
            };
            session.answer(answer, Act { rt_millis: 900.0, at: 1.0, input: Input::Keyboard, focus_losses: 0 }).unwrap();
        }
        assert_eq!(all.add(&session), Merge::New);
    }
    all
}

#[test]
fn two_tastes_are_told_apart_and_one_taste_is_one_group() {
    let study = shipped("blind_answers");
    let two = class_summary(&two_tastes(&study, 30, 2));
    let found = two.groups.value().unwrap();
    assert_eq!(found.groups, 2, "{:?}", found.candidates);
    let wrong = |flip: usize| -> usize {
        let of = |(id, group): (&String, &usize)| {
            let number: usize = id.trim_start_matches("taste-").parse().unwrap();
            usize::from((number % 2 == flip) != (*group == 0))
        };
        found.members.iter().map(of).sum()
    };
    assert!(wrong(0).min(wrong(1)) <= 1, "{:?}", found.members);
    assert!(!found.differences.is_empty());
    assert!(
        sentences(&two).iter().any(|it| it.starts_with("Participants fall into 2 groups of ")),
        "{:?}",
        sentences(&two)
    );
    let one = class_summary(&two_tastes(&study, 30, 1));
    assert_eq!(one.groups.value().unwrap().groups, 1);
    assert!(sentences(&one).iter().any(|it| it.starts_with("One group is enough")));
    // Every design has an answer, or says why not.
    for study in STUDIES.map(shipped) {
        let summary = class_summary(&gathered(&study, 8));
        if matches!(study.design, Design::Arrangement { .. }) {
            assert!(summary.groups.value().is_none(), "a place on a field is not judged alone");
            continue;
        }
        let found = summary.groups.value().unwrap_or_else(|| panic!("{}: {:?}", study.id, summary.groups));
        assert_eq!(found.n_participants, 8, "{}", study.id);
        assert_eq!(found.members.len(), 8);
    }
}
