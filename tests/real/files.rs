//! The model files of these tests: named by a variable, or where `tools/model.py` puts them.

use std::path::PathBuf;
use std::sync::OnceLock;

fn read(variable: &str, name: &str) -> Vec<u8> {
    let default = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("models-cache").join(name);
    let path = std::env::var_os(variable).map_or_else(default, PathBuf::from);
    std::fs::read(&path).unwrap_or_else(|error| {
        panic!("{} cannot be read ({error}): run `make test-real`, or set {variable}", path.display())
    })
}

/// `SmolLM2` 135M Instruct, `Q4_1`.
pub(crate) fn smollm2_bytes() -> &'static [u8] {
    static BYTES: OnceLock<Vec<u8>> = OnceLock::new();
    BYTES.get_or_init(|| read("LIKEWISE_MODEL", "SmolLM2-135M-Instruct.Q4_1.gguf"))
}

/// Gemma 3 270M, `Q4_K_M`.
pub(crate) fn gemma_bytes() -> &'static [u8] {
    static BYTES: OnceLock<Vec<u8>> = OnceLock::new();
    BYTES.get_or_init(|| read("LIKEWISE_GEMMA", "gemma-3-270m-q4_k_m.gguf"))
}
