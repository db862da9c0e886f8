//! The picture worker: fetched when the page about pictures loads its classifier.

use likewise::eval::engine::SelfTest;
use likewise::formats::FormatError;
use likewise::inference::load::ModelIdentity;
use likewise::vision::efficientnet::EfficientNet;
use likewise::vision::engine::self_test;
use likewise::worker::host::{LoadRequest, serve};
use likewise::worker::picture_loader::Opener;

/// The classifier, which needs nothing beside its weights.
struct Classifier;

impl Opener for Classifier {
    type Network = EfficientNet;
    const FAMILY: &'static str = "efficientnet-lite0";

    async fn beside(_: &mut LoadRequest<'_>) -> Result<Self, FormatError> {
        Ok(Self)
    }

    fn open(self, weights: &[u8], identity: &ModelIdentity) -> Result<(EfficientNet, SelfTest), FormatError> {
        let network = EfficientNet::from_safetensors(weights)?;
        let check = self_test(&network, &identity.self_test);
        Ok((network, check))
    }
}

fn main() {
    serve::<Classifier>();
}
