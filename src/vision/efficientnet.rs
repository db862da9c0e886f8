//! EfficientNet-Lite0 (Tan and Le 2019, arXiv:1905.11946; the Lite variant has no squeeze-and-excitation and `ReLU6`
//! for swish): picture in, logits and pooled features out.
//!
//! Weights come from a safetensors file with the names of the `PyTorch` port (`_blocks.0._depthwise_conv.weight`). Batch
//! normalization is folded into the convolution before it. Channels and kernels are read from the tensors' shapes, so
//! that a narrow model tests the same code.

use super::picture::Picture;
use crate::cpu::conv::{Conv, Depthwise, Planes, Pointwise, mean_pool, relu6};
use crate::formats::FormatError;
use crate::formats::safetensors::Safetensors;

/// Strides of the sixteen blocks.
const STRIDES: [usize; 16] = [1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1];
/// Epsilon of batch normalization in `TensorFlow`'s `EfficientNets`.
const EPSILON: f32 = 1e-3;
/// Pixels of a side of what is classified.
pub const INPUT_SIDE: usize = 224;
/// The port's normalization: (value - 127) / 128.
const MEAN: f32 = 127.0;
const SCALE: f32 = 128.0;

/// What the network says of a picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Classification {
    /// One a class.
    pub logits: Vec<f32>,
    /// The input of the last layer: the mean over all places of 1280 features.
    pub features: Vec<f32>,
}

#[derive(Debug, Clone)]
struct Block {
    expand: Option<Pointwise>,
    depthwise: Depthwise,
    project: Pointwise,
    /// Input and output have the same shape, and are added.
    skip: bool,
}

/// The network.
#[derive(Debug, Clone)]
pub struct EfficientNet {
    stem: Conv,
    blocks: Vec<Block>,
    head: Pointwise,
    classifier: Pointwise,
}

struct Reader<'a> {
    file: Safetensors<'a>,
}

/// A convolution's tensor with batch normalization folded in: weights, bias, shape.
struct Folded {
    weights: Vec<f32>,
    bias: Vec<f32>,
    shape: Vec<usize>,
}

impl Reader<'_> {
    fn tensor(&self, name: &str, rank: usize) -> Result<(Vec<usize>, Vec<f32>), FormatError> {
        let shape = self.file.shape(name).ok_or_else(|| FormatError::MissingTensor { name: name.to_owned() })?.to_vec();
        // A size beyond any memory would overflow where lengths are compared.
        let fits = shape.iter().try_fold(4_usize, |bytes, side| bytes.checked_mul(*side)).is_some();
        if shape.len() != rank || shape.contains(&0) || !fits {
            return Err(FormatError::Shape { name: name.to_owned(), expected: vec![1; rank], found: shape });
        }
        let values = self.file.values(name, &shape)?;
        if values.iter().any(|value| !value.is_finite()) {
            return Err(FormatError::Header { detail: format!("{name} holds values that are not finite") });
        }
        Ok((shape, values))
    }

    fn vector(&self, name: &str, length: usize) -> Result<Vec<f32>, FormatError> {
        self.file.values(name, &[length])
    }

    fn folded(&self, conv: &str, norm: &str) -> Result<Folded, FormatError> {
        let (shape, mut weights) = self.tensor(&format!("{conv}.weight"), 4)?;
        if shape[2] != shape[3] || shape[2].is_multiple_of(2) || shape[2] > 7 {
            let expected = vec![shape[0], shape[1], 3, 3];
            return Err(FormatError::Shape { name: conv.to_owned(), expected, found: shape });
        }
        let outputs = shape[0];
        let part = |name: &str| self.vector(&format!("{norm}.{name}"), outputs);
        let (gamma, beta) = (part("weight")?, part("bias")?);
        let (mean, variance) = (part("running_mean")?, part("running_var")?);
        let mut bias = Vec::with_capacity(outputs);
        for (output, row) in weights.chunks_exact_mut(shape[1] * shape[2] * shape[3]).enumerate() {
            let scale = gamma[output] / (variance[output].max(0.0) + EPSILON).sqrt();
            bias.push(beta[output] - mean[output] * scale);
            for weight in row {
                *weight *= scale;
            }
        }
        Ok(Folded { weights, bias, shape })
    }

    /// A 1 x 1 convolution from `inputs` channels.
    fn pointwise(&self, conv: &str, norm: &str, inputs: usize) -> Result<Pointwise, FormatError> {
        let Folded { weights, bias, shape } = self.folded(conv, norm)?;
        let expected = vec![shape[0], inputs, 1, 1];
        if shape != expected {
            return Err(FormatError::Shape { name: conv.to_owned(), expected, found: shape });
        }
        Ok(Pointwise::new(&weights, &bias, inputs))
    }

    fn block(&self, index: usize, stride: usize, inputs: usize) -> Result<Block, FormatError> {
        let name = |part: &str| format!("_blocks.{index}.{part}");
        let expand = self
            .file
            .shape(&name("_expand_conv.weight"))
            .is_some()
            .then(|| self.pointwise(&name("_expand_conv"), &name("_bn0"), inputs))
            .transpose()?;
        let channels = expand.as_ref().map_or(inputs, Pointwise::outputs);
        let Folded { weights, bias, shape } = self.folded(&name("_depthwise_conv"), &name("_bn1"))?;
        if shape[..2] != [channels, 1] {
            let expected = vec![channels, 1, shape[2], shape[3]];
            return Err(FormatError::Shape { name: name("_depthwise_conv"), expected, found: shape });
        }
        let depthwise = Depthwise::new(&weights, &bias, shape[2], stride);
        let project = self.pointwise(&name("_project_conv"), &name("_bn2"), channels)?;
        let skip = stride == 1 && project.outputs() == inputs;
        Ok(Block { expand, depthwise, project, skip })
    }
}

impl EfficientNet {
    /// Reads a safetensors file.
    ///
    /// # Errors
    /// Not a safetensors file, a tensor that is missing or has another shape or type.
    pub fn from_safetensors(bytes: &[u8]) -> Result<Self, FormatError> {
        let reader = Reader { file: Safetensors::new(bytes)? };
        let Folded { weights, bias, shape } = reader.folded("_conv_stem", "_bn0")?;
        if shape[1] != 3 {
            let expected = vec![shape[0], 3, shape[2], shape[3]];
            return Err(FormatError::Shape { name: "_conv_stem".to_owned(), expected, found: shape });
        }
        let stem = Conv::new(&weights, &bias, 3, shape[2], 2);
        let mut channels = shape[0];
        let mut blocks = Vec::with_capacity(STRIDES.len());
        for (index, stride) in STRIDES.into_iter().enumerate() {
            let block = reader.block(index, stride, channels)?;
            channels = block.project.outputs();
            blocks.push(block);
        }
        let head = reader.pointwise("_conv_head", "_bn1", channels)?;
        let (shape, weights) = reader.tensor("_fc.weight", 2)?;
        let bias = reader.vector("_fc.bias", shape[0])?;
        if shape[1] != head.outputs() {
            let expected = vec![shape[0], head.outputs()];
            return Err(FormatError::Shape { name: "_fc.weight".to_owned(), expected, found: shape });
        }
        let classifier = Pointwise::new(&weights, &bias, shape[1]);
        Ok(Self { stem, blocks, head, classifier })
    }

    /// Number of classes.
    pub fn n_classes(&self) -> usize {
        self.classifier.outputs()
    }

    /// The middle 224 x 224 of a picture, or all of a smaller one.
    pub fn classify(&self, picture: &Picture) -> Classification {
        let input = picture.cropped(INPUT_SIDE, INPUT_SIDE);
        let values = input.pixels().iter().map(|value| (f32::from(*value) - MEAN) / SCALE).collect();
        self.forward(&Planes { height: input.height(), width: input.width(), channels: 3, values })
    }

    fn forward(&self, image: &Planes) -> Classification {
        let mut x = self.stem.apply(image);
        relu6(&mut x.values);
        for block in &self.blocks {
            x = block.apply(&x);
        }
        let mut last = Planes { channels: self.head.outputs(), values: self.head.apply(&x.values), ..x };
        relu6(&mut last.values);
        let features = mean_pool(&last);
        Classification { logits: self.classifier.apply(&features), features }
    }
}

impl Block {
    fn apply(&self, input: &Planes) -> Planes {
        let mut x = match &self.expand {
            Some(expand) => {
                let mut values = expand.apply(&input.values);
                relu6(&mut values);
                self.depthwise.apply(&Planes {
                    channels: expand.outputs(),
                    values,
                    height: input.height,
                    width: input.width,
                })
            }
            None => self.depthwise.apply(input),
        };
        relu6(&mut x.values);
        let mut values = self.project.apply(&x.values);
        if self.skip {
            for (value, before) in values.iter_mut().zip(&input.values) {
                *value += before;
            }
        }
        Planes { channels: self.project.outputs(), values, ..x }
    }
}
