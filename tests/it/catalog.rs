//! The shipped catalog reads as the types say and is complete.

use likewise::formats::catalog::Catalog;

#[test]
fn the_catalog_has_its_default_and_whole_hashes() {
    let text = include_str!("../../public/models/catalog.json");
    let catalog: Catalog = serde_json::from_str(text).unwrap();
    assert!(catalog.models.iter().any(|card| card.id == catalog.default));
    for card in &catalog.models {
        assert_eq!(card.sha256.len(), 64, "{}", card.id);
        assert_eq!(card.chunk_sha256.len() as u64, card.size_bytes.div_ceil(4 << 20), "{}", card.id);
        assert!(card.chunk_sha256.iter().all(|hash| hash.len() == 64), "{}", card.id);
        assert!(!card.licence.is_empty());
    }
}
