//! What a kernel is: WGSL sources and the buffers that it binds.

/// How a kernel uses a storage buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// `var<storage, read>`.
    Read,
    /// `var<storage, read_write>`.
    Write,
}

/// A compute shader with entry point `main`. Binding 0 is the uniform `Params`; storage buffers follow from 1 on.
#[derive(Debug)]
pub struct Kernel {
    /// Unique name.
    pub name: &'static str,
    /// Concatenated in order.
    pub sources: &'static [&'static str],
    /// Storage buffers from binding 1 on.
    pub bindings: &'static [Access],
    /// Size of the `Params` struct in bytes, a multiple of 16.
    pub params_size: usize,
}

impl Kernel {
    /// The whole shader.
    pub fn source(&self) -> String {
        self.sources.join("\n")
    }
}
