//! ZIP archives that a person drops: which files are in them, within limits that a hostile one cannot pass.

use std::io::{Cursor, Read};

use zip::ZipArchive;

/// Largest archive in bytes.
pub const MAX_BYTES: u64 = 512 << 20;
/// Most files of an archive.
pub const MAX_FILES: usize = 20_000;
/// Largest file in it, unpacked.
const MAX_FILE_BYTES: u64 = 64 << 20;
/// Most bytes of all files that are read together.
const MAX_TOTAL_BYTES: u64 = 768 << 20;

/// Why an archive cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// Not an archive, or one that is torn, locked or packed in a way that is not read.
    #[error("this is no ZIP archive that can be read ({detail}); nothing was kept")]
    Damaged {
        /// What the reader said.
        detail: String,
    },
    /// Beyond the limits.
    #[error("the archive is too large: {detail}; nothing was kept")]
    TooLarge {
        /// What is too large.
        detail: String,
    },
}

/// Path and content of the files that `wanted` takes by their path, in the archive's order. Folders and files that a Mac
/// adds are left out.
///
/// # Errors
/// [`ArchiveError`] for anything but a whole archive within the limits.
pub fn unzip(bytes: &[u8], wanted: impl Fn(&str) -> bool) -> Result<Vec<(String, Vec<u8>)>, ArchiveError> {
    let damaged = |error: zip::result::ZipError| ArchiveError::Damaged { detail: error.to_string() };
    let large = |detail: &str| ArchiveError::TooLarge { detail: detail.to_owned() };
    if bytes.len() as u64 > MAX_BYTES {
        return Err(large("more than 512 MB"));
    }
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(damaged)?;
    if archive.len() > MAX_FILES {
        return Err(large("more than 20,000 files"));
    }
    let mut files = Vec::new();
    let mut total = 0;
    for index in 0..archive.len() {
        let file = archive.by_index(index).map_err(damaged)?;
        let path = file.name().map_err(damaged)?.replace('\\', "/");
        let name = path.rsplit('/').next().unwrap_or_default();
        if name.is_empty() || name.starts_with('.') || path.starts_with("__MACOSX/") || !wanted(&path) {
            continue;
        }
        // What the table says of sizes may be a lie: at most one byte more than allowed is unpacked.
        let mut content = Vec::new();
        file.take(MAX_FILE_BYTES + 1)
            .read_to_end(&mut content)
            .map_err(|error| ArchiveError::Damaged { detail: format!("{path}: {error}") })?;
        total += content.len() as u64;
        if content.len() as u64 > MAX_FILE_BYTES {
            return Err(large(&format!("{path} has more than 64 MB")));
        }
        if total > MAX_TOTAL_BYTES {
            return Err(large("more than 768 MB unpacked"));
        }
        files.push((path, content));
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use zip::write::SimpleFileOptions;
    use zip::{CompressionMethod, ZipWriter};

    use super::*;

    fn zipped(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        for (at, (name, content)) in files.iter().enumerate() {
            let method = if at % 2 == 0 { CompressionMethod::Deflated } else { CompressionMethod::Stored };
            zip.start_file(*name, SimpleFileOptions::default().compression_method(method)).unwrap();
            zip.write_all(content).unwrap();
        }
        zip.finish().unwrap().into_inner()
    }

    #[test]
    fn wanted_files_are_read_and_others_left() {
        let bytes = zipped(&[
            ("set/a.jpg", b"picture"),
            ("set/b.txt", b"words"),
            ("__MACOSX/set/._a.jpg", b"x"),
            ("set/.DS_Store", b"x"),
            ("set\\c.jpg", b"another"),
        ]);
        let found = unzip(&bytes, |path| path.contains(".jpg")).unwrap();
        let expected = [("set/a.jpg".to_owned(), b"picture".to_vec()), ("set/c.jpg".to_owned(), b"another".to_vec())];
        assert_eq!(found, expected);
    }

    #[test]
    fn hostile_archives_are_refused() {
        let bytes = zipped(&[("a.jpg", &[7; 4000])]);
        for wrong in [&b"not an archive"[..], &[], &bytes[..bytes.len() - 30], &bytes[40..]] {
            assert!(matches!(unzip(wrong, |_| true), Err(ArchiveError::Damaged { .. })));
        }
        let mut torn = bytes.clone();
        torn[45] ^= 0xff;
        assert!(unzip(&torn, |_| true).is_err());
        // 65 MB of zeros in some kilobytes.
        let bomb = zipped(&[("a.jpg", &vec![0; (MAX_FILE_BYTES + 1) as usize])]);
        assert!(bomb.len() < 1 << 20);
        assert!(matches!(unzip(&bomb, |_| true), Err(ArchiveError::TooLarge { .. })));
    }
}
