//! A tiny deterministic backend, and the promises of [`LanguageModel`] tested on it.

use crate::eval::engine::{
    Backend, CancelFlag, Control, Engine, EngineError, EngineEvent, EngineInfo, Finish, Message, Prompt, Request,
    Response, Role, Sampling, SelfTest,
};

use super::forward::{Forward, TargetLogprob};
use super::language_model::{LanguageModel, TextCodec};
use super::sampler::log_sum_exp;

const EOS: u32 = 256;
const N_VOCAB: usize = 257;

/// Logits are a hash of every token in the cache, so a wrong cache shows in every number.
#[derive(Default)]
struct FakeForward {
    cache: Vec<u32>,
    /// (position, tokens) of every read.
    reads: Vec<(usize, usize)>,
    /// Continue this text instead, ending with the end of turn.
    script: Option<(usize, Vec<u8>)>,
    nan_after: Option<usize>,
}

impl FakeForward {
    fn logits(&self, n: usize) -> Vec<f32> {
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        for token in &self.cache[..n] {
            hash = (hash ^ u64::from(*token)).wrapping_mul(0x0100_0000_01b3);
        }
        let mut logits: Vec<f32> = (0..N_VOCAB as u64)
            .map(|id| ((hash ^ (id * 0x9E37_79B9)).wrapping_mul(0x2545_F491_4F6C_DD1D) >> 40) as f32 / 4e6)
            .collect();
        logits[EOS as usize] = -20.0;
        if let Some((start, text)) = &self.script
            && n >= *start
        {
            let id = text.get(n - start).map_or(EOS, |b| u32::from(*b));
            logits[id as usize] = 50.0;
        }
        if self.nan_after.is_some_and(|limit| n > limit) {
            logits[3] = f32::NAN;
        }
        logits
    }

    fn read(&mut self, tokens: &[u32], pos: usize) {
        assert!(pos <= self.cache.len(), "reading at {pos} with {} tokens cached", self.cache.len());
        self.cache.truncate(pos);
        self.cache.extend_from_slice(tokens);
        self.reads.push((pos, tokens.len()));
    }
}

impl Forward for FakeForward {
    fn n_vocab(&self) -> usize {
        N_VOCAB
    }

    fn context_length(&self) -> usize {
        64
    }

    async fn next_logits(
        &mut self,
        tokens: &[u32],
        pos: usize,
        _control: &Control<'_>,
        progress: &dyn Fn(usize),
    ) -> Result<Vec<f32>, EngineError> {
        self.read(tokens, pos);
        progress(tokens.len());
        Ok(self.logits(self.cache.len()))
    }

    async fn target_logprobs(
        &mut self,
        tokens: &[u32],
        pos: usize,
        targets: &[u32],
        n_top: usize,
        _control: &Control<'_>,
    ) -> Result<Vec<TargetLogprob>, EngineError> {
        self.read(tokens, pos);
        targets
            .iter()
            .enumerate()
            .map(|(i, &target)| TargetLogprob::of(&self.logits(pos + i + 1), target, n_top))
            .collect()
    }
}

/// One token a byte.
struct Bytes;

impl TextCodec for Bytes {
    fn encode(&self, text: &str, _parse_specials: bool) -> Result<Vec<u32>, String> {
        Ok(text.bytes().map(u32::from).collect())
    }

    fn decode(&self, ids: &[u32]) -> String {
        let bytes: Vec<u8> = ids.iter().filter_map(|&id| u8::try_from(id).ok()).collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn encode_chat(&self, messages: &[Message]) -> Result<Vec<u32>, String> {
        let last = messages.last().ok_or("no messages")?;
        self.encode(&format!("[{}]", last.content), true)
    }
}

fn model(forward: FakeForward) -> LanguageModel<FakeForward> {
    let info = EngineInfo {
        model_id: "fake".into(),
        model_name: "Fake".into(),
        weights_sha256: None,
        size_bytes: 0,
        family: "fake".into(),
        quantization: "none".into(),
        context_length: 1000,
        backend: Backend::Scripted,
        adapter: "none".into(),
        self_test: SelfTest::Unverified { reason: "fake".into() },
        has_chat_template: None,
    };
    LanguageModel::new(forward, Box::new(Bytes), info, vec![EOS])
}

fn ask(model: &mut LanguageModel<FakeForward>, request: Request) -> Result<Response, EngineError> {
    pollster::block_on(model.respond(&[request], &Control::quiet())).remove(0)
}

fn raw(text: &str) -> Prompt {
    Prompt::Raw(text.into())
}

fn choose(prompt: &str, options: &[&str]) -> Request {
    Request::Choose { prompt: raw(prompt), options: options.iter().map(|o| (*o).to_owned()).collect() }
}

fn generate(prompt: &str, limit: u32) -> Request {
    let (stop, allowed) = (Vec::new(), Vec::new());
    Request::Generate { prompt: raw(prompt), sampling: Sampling::GREEDY, seed: 1, limit, stop, allowed, n_top: 2 }
}

/// The same score by definition: a fresh backend for every token.
fn direct_logprob(prompt: &str, option: &str) -> f64 {
    let prompt: Vec<u32> = prompt.bytes().map(u32::from).collect();
    let mut context = prompt;
    let mut sum = 0.0;
    for byte in option.bytes() {
        let fake = FakeForward { cache: context.clone(), ..FakeForward::default() };
        let logits = fake.logits(context.len());
        sum += f64::from(logits[usize::from(byte)]) - log_sum_exp(&logits).unwrap();
        context.push(u32::from(byte));
    }
    sum
}

#[test]
fn option_scores_equal_the_definition_whatever_is_cached() {
    let mut model = model(FakeForward::default());
    for (prompt, options) in [
        ("The sky is", [" blue", " green", "x"]),
        ("The sky was", [" blue", " g", " grey"]),
        ("The", ["a", "b", " sky is"]),
    ] {
        let Ok(Response::Choice { options: scores, n_prompt_tokens, .. }) = ask(&mut model, choose(prompt, &options))
        else {
            panic!("no choice")
        };
        assert_eq!(n_prompt_tokens as usize, prompt.len());
        for (score, option) in scores.iter().zip(options) {
            assert_eq!(score.n_tokens as usize, option.len());
            let expected = direct_logprob(prompt, option);
            assert!((score.logprob - expected).abs() < 1e-9, "{prompt}{option}: {} {expected}", score.logprob);
        }
    }
}

#[test]
fn a_shared_prefix_is_read_once() {
    let mut model = model(FakeForward::default());
    let batch = [choose("Question 1? A", &["ab", "cd"]), choose("Question 2? A", &["ab", "cd"])];
    for answer in pollster::block_on(model.respond(&batch, &Control::quiet())) {
        answer.unwrap();
    }
    // The prompt, one token of each option, what differs after "Question ", one token of each option.
    assert_eq!(model.forward().reads, [(0, 13), (13, 1), (13, 1), (9, 4), (13, 1), (13, 1)]);
    // The same question again costs only the options, and an option of one token costs nothing.
    ask(&mut model, choose("Question 2? A", &["q"])).unwrap();
    assert_eq!(model.forward().reads.len(), 6);
}

#[test]
fn generation_stops_at_the_end_of_turn_and_reports_probabilities() {
    let forward = FakeForward { script: Some((2, "né!".into())), ..FakeForward::default() };
    let mut model = model(forward);
    let Ok(Response::Text { text, tokens, finish, n_prompt_tokens, .. }) = ask(&mut model, generate("Hi", 40)) else {
        panic!("no text")
    };
    assert_eq!((text.as_str(), finish, n_prompt_tokens), ("né!", Finish::EndOfTurn, 2));
    // The two bytes of é: the first shows nothing, the second the whole character.
    let shown: Vec<&str> = tokens.iter().map(|t| t.text.as_str()).collect();
    assert_eq!(shown, ["n", "", "é", "!"]);
    for token in &tokens {
        assert_eq!(token.top.len(), 2);
        assert_eq!((token.top[0].id, token.top[0].logprob), (token.id, token.logprob));
        assert!(token.logprob <= 0.0 && token.logprob > -1e-6);
    }
}

#[test]
fn stop_texts_end_the_answer_and_are_not_part_of_it() {
    let forward = FakeForward { script: Some((2, "yes\n\nno".into())), ..FakeForward::default() };
    let mut model = model(forward);
    let Request::Generate { prompt, sampling, seed, limit, allowed, n_top, .. } = generate("Hi", 40) else { panic!() };
    let request = Request::Generate { prompt, sampling, seed, limit, n_top, allowed, stop: vec!["\n\n".into()] };
    let Ok(Response::Text { text, finish, tokens, .. }) = ask(&mut model, request) else { panic!("no text") };
    assert_eq!((text.as_str(), finish, tokens.len()), ("yes", Finish::Stop, 5));
}

#[test]
fn a_character_cut_by_the_limit_is_shown_as_replacement() {
    let forward = FakeForward { script: Some((2, "aé".into())), ..FakeForward::default() };
    let Ok(Response::Text { text, finish, .. }) = ask(&mut model(forward), generate("Hi", 2)) else { panic!() };
    assert_eq!((text.as_str(), finish), ("a\u{FFFD}", Finish::Limit));
}

#[test]
fn a_full_context_ends_the_answer_and_a_longer_prompt_is_refused() {
    let prompt = "p".repeat(60);
    let mut model = model(FakeForward::default());
    assert_eq!(model.info().context_length, 64);
    let Ok(Response::Text { tokens, finish, .. }) = ask(&mut model, generate(&prompt, 40)) else { panic!() };
    // 60 tokens are read, then 4 more places; the fifth token needs no place of its own.
    assert_eq!((tokens.len(), finish), (5, Finish::ContextFull));
    let long = "p".repeat(65);
    let refused = Err(EngineError::ContextTooLong { n_tokens: 65, context_length: 64 });
    assert_eq!(ask(&mut model, generate(&long, 1)), refused);
    assert_eq!(ask(&mut model, choose(&prompt, &["aaaaaa"])), refused);
    assert!(ask(&mut model, choose(&prompt, &["aaaaa"])).is_ok());
}

#[test]
fn empty_inputs_and_unknown_tokens_are_errors() {
    let mut model = model(FakeForward::default());
    assert_eq!(ask(&mut model, choose("", &["a"])), Err(EngineError::EmptyInput));
    assert_eq!(ask(&mut model, choose("a", &[""])), Err(EngineError::EmptyInput));
    assert_eq!(ask(&mut model, choose("a", &[])), Err(EngineError::EmptyInput));
    let unknown = Request::Next { prompt: Prompt::Tokens(vec![1, 257]), n_top: 1 };
    assert!(matches!(ask(&mut model, unknown), Err(EngineError::Tokenize { .. })));
}

#[test]
fn not_a_number_is_an_error_and_leaves_no_trace() {
    let mut model = model(FakeForward { nan_after: Some(4), ..FakeForward::default() });
    assert_eq!(ask(&mut model, choose("hello", &["a"])), Err(EngineError::NotANumber));
    assert_eq!(ask(&mut model, choose("hell", &["ab"])), Err(EngineError::NotANumber));
    assert!(ask(&mut model, choose("hell", &["a"])).is_ok());
}

#[test]
fn forced_texts_are_scored_token_by_token() {
    let mut model = model(FakeForward::default());
    let forced = |prompt: &str| Request::Forced { prompt: raw(prompt), text: "blue é".into(), n_top: 3 };
    let Ok(Response::Forced { tokens, .. }) = ask(&mut model, forced("The ")) else { panic!() };
    let sum: f64 = tokens.iter().map(|t| t.logprob).sum();
    assert!((sum - direct_logprob("The ", "blue é")).abs() < 1e-9);
    assert_eq!(tokens.iter().map(|t| t.text.as_str()).collect::<String>(), "blue é");
    assert!(tokens.iter().all(|t| t.top.len() == 3));
    // Without a prompt the first token has no probability.
    let Ok(Response::Forced { tokens, .. }) = ask(&mut model, forced("")) else { panic!() };
    let sum: f64 = tokens.iter().map(|t| t.logprob).sum();
    assert!((sum - direct_logprob("b", "lue é")).abs() < 1e-9);
    assert_eq!(tokens.len(), 6);
}

#[test]
fn next_tokens_come_best_first_with_normalized_probabilities() {
    let mut model = model(FakeForward::default());
    let request = Request::Next { prompt: raw("abc"), n_top: N_VOCAB as u32 };
    let Ok(Response::Next { top, n_prompt_tokens, .. }) = ask(&mut model, request) else { panic!() };
    assert_eq!(n_prompt_tokens, 3);
    let mass: f64 = top.iter().map(|(a, _)| a.logprob.exp()).sum();
    assert!((mass - 1.0).abs() < 1e-9, "{mass}");
    assert!(top.windows(2).all(|pair| pair[0].1 >= pair[1].1));
}

#[test]
fn a_cancelled_answer_keeps_what_it_has_and_stops_the_batch() {
    let cancel = CancelFlag::default();
    let flag = cancel.clone();
    let seen = std::cell::Cell::new(0);
    let events = |event: EngineEvent| {
        if matches!(event, EngineEvent::Token { .. }) {
            seen.set(seen.get() + 1);
            if seen.get() == 3 {
                flag.cancel();
            }
        }
    };
    let control = Control { cancel, events: &events, ..Control::quiet() };
    let mut model = model(FakeForward::default());
    let message = Message { role: Role::User, content: "hi".into() };
    let Request::Generate { sampling, seed, limit, stop, allowed, n_top, .. } = generate("", 30) else { panic!() };
    let prompt = Prompt::Chat(vec![message]);
    let chat = Request::Generate { prompt, sampling, seed, limit, stop, allowed, n_top };
    let answers = pollster::block_on(model.respond(&[chat, generate("Hi", 30)], &control));
    let Ok(Response::Text { tokens, finish, n_prompt_tokens, .. }) = &answers[0] else { panic!() };
    assert_eq!((tokens.len(), *finish, *n_prompt_tokens), (3, Finish::Cancelled, 4));
    assert_eq!(answers[1], Err(EngineError::Cancelled));
}

#[test]
fn a_sampled_answer_repeats_with_its_seed_only() {
    let sample = |seed| {
        let request = Request::Generate {
            prompt: raw("Hi"),
            sampling: Sampling { temperature: 1.0, top_p: 0.95, ..Sampling::GREEDY },
            seed,
            limit: 12,
            stop: Vec::new(),
            allowed: Vec::new(),
            n_top: 0,
        };
        let Ok(Response::Text { tokens, .. }) = ask(&mut model(FakeForward::default()), request) else { panic!() };
        tokens.iter().map(|t| t.id).collect::<Vec<_>>()
    };
    assert_eq!(sample(5), sample(5));
    assert_ne!(sample(5), sample(6));
}

#[test]
fn a_begun_reply_is_gone_on_with() {
    let turn = |role, content: &str| Message { role, content: content.to_owned() };
    let begun = Prompt::Chat(vec![turn(Role::User, "q"), turn(Role::Assistant, "ab")]);
    let n_prompt = |prompt: Prompt| {
        let request = Request::Next { prompt, n_top: 3 };
        let Ok(Response::Next { top, n_prompt_tokens, .. }) = ask(&mut model(FakeForward::default()), request) else {
            panic!()
        };
        (n_prompt_tokens, top)
    };
    assert_eq!(n_prompt(begun), n_prompt(raw("[q]ab")));
}

#[test]
fn two_contexts_are_compared_along_a_continuation() {
    let mut model = model(FakeForward::default());
    let compare = |prompt: &str, other: &str| Request::Compare {
        prompt: raw(prompt),
        other: raw(other),
        continuation: raw("xyz"),
    };
    let Ok(Response::Compared { tokens, .. }) = ask(&mut model, compare("one", "two")) else { panic!() };
    assert_eq!(tokens.iter().map(|it| it.text.as_str()).collect::<String>(), "xyz");
    for (place, token) in tokens.iter().enumerate() {
        let (own, other) = (format!("one{}", &"xyz"[..place]), format!("two{}", &"xyz"[..place]));
        let letter = &"xyz"[place..=place];
        assert!((token.logprob - direct_logprob(&own, letter)).abs() < 1e-9);
        assert!((token.other_logprob - direct_logprob(&other, letter)).abs() < 1e-9);
        // The definition, value by value.
        let logits = |text: &str| {
            let mut forward = FakeForward::default();
            let tokens: Vec<u32> = text.bytes().map(u32::from).collect();
            forward.read(&tokens, 0);
            forward.logits(tokens.len())
        };
        let (p, q) = (logits(&own), logits(&other));
        let (p_norm, q_norm) = (log_sum_exp(&p).unwrap(), log_sum_exp(&q).unwrap());
        let mut kl = 0.0;
        for (p, q) in p.iter().zip(&q) {
            let (p, q) = (f64::from(*p) - p_norm, f64::from(*q) - q_norm);
            kl += p.exp() * (p - q);
        }
        assert!((token.kl - kl).abs() < 1e-9 && kl > 0.0, "{} and {kl}", token.kl);
        let wanted = q[token.id as usize];
        assert_eq!(token.other_rank as usize, 1 + q.iter().filter(|logit| **logit > wanted).count());
    }
    let Ok(Response::Compared { tokens, .. }) = ask(&mut model, compare("one", "one")) else { panic!() };
    assert!(tokens.iter().all(|it| it.kl < 1e-12 && it.logprob == it.other_logprob));
    assert_eq!(ask(&mut model, compare("one", "")), Err(EngineError::EmptyInput));
}

#[test]
fn an_answer_is_one_of_the_allowed_texts() {
    let options = ["10", "1", "3", "no", "none of it"];
    let answer = |temperature, seed| {
        let mut model = model(FakeForward::default());
        let request = Request::Generate {
            prompt: raw("Hi"),
            sampling: Sampling { temperature, ..Sampling::GREEDY },
            seed,
            limit: 20,
            stop: Vec::new(),
            allowed: options.map(str::to_owned).to_vec(),
            n_top: 0,
        };
        let Ok(Response::Text { text, finish, tokens, .. }) = ask(&mut model, request) else { panic!("no text") };
        assert_eq!((finish, tokens.len()), (Finish::EndOfTurn, text.len()));
        assert!(options.contains(&text.as_str()), "{text}");
        // What is reported is the model's own probability, not that among the allowed ones.
        let sum: f64 = tokens.iter().map(|token| token.logprob).sum();
        assert!((sum - direct_logprob("Hi", &text)).abs() < 1e-9);
        text
    };
    assert_eq!(answer(0.0, 1), answer(0.0, 2));
    let drawn: std::collections::BTreeSet<String> = (0..200).map(|seed| answer(5.0, seed)).collect();
    assert_eq!(drawn.len(), options.len(), "every option can be drawn: {drawn:?}");
    let mut model = model(FakeForward::default());
    let Request::Generate { prompt, sampling, seed, limit, stop, n_top, .. } = generate("Hi", 4) else { panic!() };
    let request = Request::Generate { prompt, sampling, seed, limit, stop, n_top, allowed: vec![String::new()] };
    assert_eq!(ask(&mut model, request), Err(EngineError::EmptyInput));
}
