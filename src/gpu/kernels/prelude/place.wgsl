// Where a row stands in a tree of texts with common beginnings: it sees cache slots 0 to x (shared by all), y to z (the
// trunk of its branch) and w (the start of its branch) to its own. In a plain text all four are 0.
fn position_of(place: vec4<u32>, slot: u32) -> u32 {
  return place.x + (place.z - place.y) + (slot - place.w);
}

// Positions before the window of the row at `pos`, which it does not see; none without a window.
fn before_window(pos: u32, window: u32) -> u32 {
  return select(0u, pos + 1u - window, window > 0u && pos + 1u > window);
}

// Of the three ranges that a row in `slot` sees, number `part`: first slot and end, without the first `unseen` slots of all,
// and how many of these are still to be left out.
fn seen_of(part: u32, place: vec4<u32>, slot: u32, max_pos: u32, unseen: u32) -> vec3<u32> {
  var start = 0u;
  var end = place.x;
  if (part == 1u) { start = place.y; end = place.z; }
  if (part == 2u) { start = place.w; end = slot + 1u; }
  end = min(end, max_pos);
  let skipped = min(unseen, end - min(start, end));
  return vec3<u32>(start + skipped, end, unseen - skipped);
}
