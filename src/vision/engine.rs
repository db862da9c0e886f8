//! The image classifier behind the one trait of engines.

use super::clip::Clip;
use super::corruption::corrupt;
use super::efficientnet::{Classification, EfficientNet, INPUT_SIDE};
use super::imagenet_label;
use super::picture::Picture;
use crate::eval::engine::{Control, Engine, EngineError, EngineInfo, LabelScore, Request, Response, SelfTest};
use crate::eval::sight::{CLASSES, Evidence, Labels, PROMPTS, View, wanted_labels};
use crate::formats::catalog::SelfTestProbe;

/// Most picture files that are kept decoded; a prepared one is 200 KB.
const MAX_KEPT: usize = 64;

/// Largest divergence from stored values, in nats, at which the arithmetic counts as right.
const KL_LIMIT: f64 = 1e-4;
/// Classes that are told about a picture on the page.
const N_TOP: u8 = 5;

/// Classifies the built-in test pattern and compares with stored values of a reference implementation.
pub fn self_test(network: &EfficientNet, probes: &[SelfTestProbe]) -> SelfTest {
    let Some(probe) = probes.first() else {
        return SelfTest::Unverified { reason: "no reference values are stored for this file".to_owned() };
    };
    let side = INPUT_SIDE;
    let pattern = (0..side * side * 3).map(|at| ((at / 3 % side * 3 + at / 3 / side * 5 + at % 3 * 40) % 256) as u8);
    let Ok(picture) = Picture::new(side, side, pattern.collect()) else {
        return SelfTest::Unverified { reason: "the test pattern could not be made".to_owned() };
    };
    let logits = network.classify(&picture).logits;
    let total = log_sum_exp(&logits);
    let mut kl = 0.0;
    for (label, expected) in probe.top_ids.iter().zip(&probe.top_logprobs) {
        let found = logits.get(*label as usize).map_or(f64::NAN, |logit| f64::from(*logit) - total);
        kl += libm::exp(*expected) * (expected - found);
    }
    // Over a part of the classes the sum may be a little below zero.
    if kl.abs() <= KL_LIMIT {
        SelfTest::Passed { max_kl: kl.abs() }
    } else {
        SelfTest::Failed { detail: format!("the test pattern is classified otherwise ({kl:.1e} nats)") }
    }
}

/// Where pictures come from: the site, a folder, a person's own file.
#[expect(async_fn_in_trait, reason = "used as a generic parameter on one thread only")]
pub trait Pictures {
    /// Reads and decodes a picture.
    ///
    /// # Errors
    /// What the network, the disk or the decoder said.
    async fn open(&mut self, source: &str) -> Result<Picture, String>;
}

/// A network that says which label a picture has. Each sees the middle 224 x 224 of a prepared picture.
pub trait Network {
    /// What its logits are about.
    fn labels(&self) -> Labels;

    /// Logits of all labels, and features.
    ///
    /// # Errors
    /// `Backend` with the words of the network.
    fn seen(&self, picture: &Picture) -> Result<Classification, EngineError>;

    /// What a label is called.
    fn name_of(&self, label: usize) -> &'static str;

    /// The logits that stand for the ten classes, where these are the `ImageNet` labels wanted.
    ///
    /// # Errors
    /// `Backend` for a label that the network has not.
    fn wanted(&self, found: &Classification, labels: &[u32]) -> Result<Vec<f64>, EngineError>;
}

/// A classifier of `ImageNet`'s classes.
impl Network for EfficientNet {
    fn labels(&self) -> Labels {
        Labels::ImageNet
    }

    fn seen(&self, picture: &Picture) -> Result<Classification, EngineError> {
        Ok(self.classify(picture))
    }

    fn name_of(&self, label: usize) -> &'static str {
        imagenet_label(label)
    }

    fn wanted(&self, found: &Classification, labels: &[u32]) -> Result<Vec<f64>, EngineError> {
        let logit = |label: &u32| found.logits.get(*label as usize).map(|logit| f64::from(*logit));
        labels.iter().map(logit).collect::<Option<Vec<f64>>>().ok_or_else(|| EngineError::Backend {
            detail: format!("the model has {} classes, not those of ImageNet-1k", found.logits.len()),
        })
    }
}

/// Two towers, with [`PROMPTS`] encoded: the first ten stand for the classes.
impl Network for Clip {
    fn labels(&self) -> Labels {
        Labels::Prompts
    }

    fn seen(&self, picture: &Picture) -> Result<Classification, EngineError> {
        let found = self.compare(&picture.cropped(INPUT_SIDE, INPUT_SIDE));
        let (features, logits) = found.map_err(|error| EngineError::Backend { detail: error.to_string() })?;
        Ok(Classification { logits, features })
    }

    fn name_of(&self, label: usize) -> &'static str {
        PROMPTS.get(label).copied().unwrap_or_default()
    }

    fn wanted(&self, found: &Classification, _: &[u32]) -> Result<Vec<f64>, EngineError> {
        Ok(found.logits.iter().take(CLASSES.len()).map(|logit| f64::from(*logit)).collect())
    }
}

/// An image classifier with its pictures.
pub struct VisionEngine<N, P> {
    network: N,
    info: EngineInfo,
    pictures: P,
    /// Prepared pictures by source, the last used one at the end.
    kept: Vec<(String, Picture)>,
}

/// Softmax parts of logits: the largest, and ln of the sum of e^logit.
fn log_sum_exp(logits: &[f32]) -> f64 {
    let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    f64::from(most) + libm::log(logits.iter().map(|logit| libm::exp(f64::from(logit - most))).sum())
}

impl<N: Network, P: Pictures> VisionEngine<N, P> {
    /// From a network and where its pictures come from.
    pub fn new(network: N, info: EngineInfo, pictures: P) -> Self {
        Self { network, info, pictures, kept: Vec::new() }
    }

    /// Where its pictures come from.
    pub fn pictures_mut(&mut self) -> &mut P {
        &mut self.pictures
    }

    /// Keeps a picture under a name, so that later views of it need no file.
    pub fn keep(&mut self, source: &str, picture: &Picture) {
        self.kept.retain(|(name, _)| name != source);
        if self.kept.len() >= MAX_KEPT {
            self.kept.remove(0);
        }
        self.kept.push((source.to_owned(), picture.prepared()));
    }

    /// The picture of a view, corrupted.
    ///
    /// # Errors
    /// `Backend` with the words of whoever could not read it.
    pub async fn view(&mut self, view: &View) -> Result<Picture, EngineError> {
        if !self.kept.iter().any(|(name, _)| *name == view.source) {
            let opened = self.pictures.open(&view.source).await;
            let picture =
                opened.map_err(|detail| EngineError::Backend { detail: format!("{}: {detail}", view.source) })?;
            self.keep(&view.source, &picture);
        }
        let clean = self.kept.iter().find(|(name, _)| *name == view.source).map(|(_, picture)| picture);
        let clean = clean.ok_or_else(|| EngineError::Backend { detail: format!("{} is gone", view.source) })?;
        Ok(corrupt(clean, view.operation, view.severity, view.seed))
    }

    /// The network's logits and features, and ln of the sum of e^logit.
    fn seen(&self, picture: &Picture) -> Result<(Classification, f64), EngineError> {
        let found = self.network.seen(picture)?;
        if found.logits.iter().any(|logit| !logit.is_finite()) {
            return Err(EngineError::NotANumber);
        }
        let total = log_sum_exp(&found.logits);
        Ok((found, total))
    }

    /// The network's answer about a picture, with its pooled features and its four corners if wanted.
    ///
    /// # Errors
    /// `NotANumber`; `Backend` for a label that the network has not.
    pub fn classify(
        &self,
        picture: &Picture,
        labels: &[u32],
        n_top: u8,
        (with_features, with_crops): (bool, bool),
        now: fn() -> f64,
    ) -> Result<Response, EngineError> {
        let started = now();
        let (found, total) = self.seen(picture)?;
        let score = |label: usize, logit: f32| LabelScore {
            label: label as u32,
            name: self.network.name_of(label).to_owned(),
            logit: f64::from(logit),
            probability: libm::exp(f64::from(logit) - total),
        };
        let mut order: Vec<(usize, f32)> = found.logits.iter().copied().enumerate().collect();
        order.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        let top = order.into_iter().take(usize::from(n_top)).map(|(label, logit)| score(label, logit)).collect();
        let kind = self.network.labels();
        let logits = self.network.wanted(&found, labels)?;
        let mut crops = Vec::new();
        if with_crops {
            for corner in picture.corners(INPUT_SIDE) {
                let (found, log_sum_exp) = self.seen(&corner)?;
                let logits = self.network.wanted(&found, labels)?;
                crops.push(Evidence { labels: kind, logits, log_sum_exp, features: Vec::new(), crops: Vec::new() });
            }
        }
        let features = if with_features { found.features } else { Vec::new() };
        let millis = (now() - started).max(0.0);
        Ok(Response::Classified { labels: kind, top, logits, log_sum_exp: total, features, crops, millis })
    }

    /// The answer about a view, and the picture as an address that an image element shows.
    ///
    /// # Errors
    /// Those of [`Self::view`] and [`Self::classify`].
    pub async fn look(&mut self, view: &View, now: fn() -> f64) -> Result<(Response, String), EngineError> {
        let picture = self.view(view).await?;
        let response = self.classify(&picture, &wanted_labels(), N_TOP, (true, view.crops), now)?;
        Ok((response, picture.data_url()))
    }

    async fn one(&mut self, request: &Request, control: &Control<'_>) -> Result<Response, EngineError> {
        if control.cancel.is_cancelled() {
            return Err(EngineError::Cancelled);
        }
        let Request::Classify { view, labels, n_top, features } = request else {
            return Err(EngineError::Backend { detail: "this model classifies pictures and reads no text".to_owned() });
        };
        let picture = self.view(view).await?;
        self.classify(&picture, labels, *n_top, (*features, view.crops), control.now)
    }
}

impl<N: Network, P: Pictures> Engine for VisionEngine<N, P> {
    fn info(&self) -> &EngineInfo {
        &self.info
    }

    async fn respond(&mut self, requests: &[Request], control: &Control<'_>) -> Vec<Result<Response, EngineError>> {
        let mut answers = Vec::with_capacity(requests.len());
        for request in requests {
            answers.push(self.one(request, control).await);
            (control.breathe)().await;
        }
        answers
    }
}
