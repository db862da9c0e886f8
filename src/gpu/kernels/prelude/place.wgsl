// Where a row stands in a tree of texts with common beginnings: it sees cache slots 0 to x (shared by all), y to z (the
// trunk of its branch) and w (the start of its branch) to its own. In a plain text all four are 0.
fn position_of(place: vec4<u32>, slot: u32) -> u32 {
  return place.x + (place.z - place.y) + (slot - place.w);
}
