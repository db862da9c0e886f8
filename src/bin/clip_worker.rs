//! The worker of a model of two towers, apart from the classifier's because it carries a tokenizer: fetched when a visitor
//! loads such a model.

use likewise::eval::engine::SelfTest;
use likewise::eval::sight::{CLIP_FAMILY, PROMPTS};
use likewise::formats::FormatError;
use likewise::inference::load::ModelIdentity;
use likewise::protocol::ModelOrigin;
use likewise::store::assets::fetch_blob;
use likewise::vision::clip::Clip;
use likewise::worker::host::{LoadRequest, serve};
use likewise::worker::picture_loader::Opener;
use likewise::worker::pictures::bytes_of;

/// What stands beside the weights: `tokenizer.json` and `config.json`.
struct TwoTowers {
    tokenizer: Vec<u8>,
    config: Vec<u8>,
}

impl Opener for TwoTowers {
    type Network = Clip;
    const FAMILY: &'static str = CLIP_FAMILY;

    /// Of three files in the order weights, tokenizer, configuration, or of the address of a folder with the published
    /// names.
    async fn beside(request: &mut LoadRequest<'_>) -> Result<Self, FormatError> {
        let read = |detail: String| FormatError::Read { detail };
        let (tokenizer, config) = match &mut request.origin {
            ModelOrigin::Url { url } => {
                let folder = format!("{}/", url.trim_end_matches('/'));
                *url = format!("{folder}model.safetensors");
                let fetched = async |name| {
                    let blob = fetch_blob(&folder, name).await.map_err(|error| read(error.to_string()))?;
                    bytes_of(&blob).await.map_err(read)
                };
                (fetched("tokenizer.json").await?, fetched("config.json").await?)
            }
            ModelOrigin::File { .. } if request.files.len() == 3 => {
                let config = bytes_of(&request.files[2]).await.map_err(read)?;
                let tokenizer = bytes_of(&request.files[1]).await.map_err(read)?;
                request.files.truncate(1);
                (tokenizer, config)
            }
            _ => return Err(read("model.safetensors, tokenizer.json and config.json belong together".to_owned())),
        };
        Ok(Self { tokenizer, config })
    }

    fn open(self, weights: &[u8], _: &ModelIdentity) -> Result<(Clip, SelfTest), FormatError> {
        let network = Clip::new(weights, &self.tokenizer, &self.config, &PROMPTS)?;
        let reason = "no reference values are stored for this file".to_owned();
        Ok((network, SelfTest::Unverified { reason }))
    }
}

fn main() {
    serve::<TwoTowers>();
}
