//! Photographs of the golden files; both test binaries read them.

use std::fs;
use std::path::Path;

use likewise::vision::picture::Picture;

/// An 8-bit RGB file.
pub(crate) fn picture(path: &Path) -> Picture {
    let file = std::io::BufReader::new(fs::File::open(path).unwrap());
    let mut reader = png::Decoder::new(file).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let frame = reader.next_frame(&mut pixels).unwrap();
    Picture::new(frame.width as usize, frame.height as usize, pixels).unwrap()
}
