//! Finding an expected answer in free text.

/// Makes texts comparable: lower case, underscores to spaces, punctuation away, the articles a, an and the away,
/// single spaces. Follows the normalizer of "Alignment for Honesty" (arXiv 2312.07000) except that an apostrophe
/// joins its neighbors (`don't` → `dont`), a point or comma between digits keeps the number whole (`1,000.5` →
/// `1000.5`), and other punctuation separates words instead of gluing them together.
pub fn normalize(text: &str) -> String {
    words(text).join(" ")
}

/// The words of [`normalize`].
pub fn words(text: &str) -> Vec<String> {
    let characters: Vec<char> = text.chars().flat_map(char::to_lowercase).collect();
    let digit = |index: Option<usize>| index.and_then(|index| characters.get(index)).is_some_and(char::is_ascii_digit);
    let mut spaced = String::with_capacity(text.len());
    for (index, &character) in characters.iter().enumerate() {
        let between_digits = digit(index.checked_sub(1)) && digit(Some(index + 1));
        match character {
            '\'' | '\u{2019}' | '\u{2018}' | '\u{02bc}' => {}
            ',' if between_digits => {}
            '.' if between_digits => spaced.push('.'),
            '-' | '\u{2212}' if digit(Some(index + 1)) && !digit(index.checked_sub(1)) => spaced.push('-'),
            _ if character.is_alphanumeric() => spaced.push(character),
            _ => spaced.push(' '),
        }
    }
    spaced
        .split_whitespace()
        .filter(|word| !matches!(*word, "a" | "an" | "the"))
        .map(|word| word.trim_end_matches('-').to_owned())
        .filter(|word| !word.is_empty())
        .collect()
}

/// First place (in words) where `needle` stands as whole words in `hay`; both already split by [`words`].
pub fn find_words(hay: &[String], needle: &[String]) -> Option<usize> {
    if needle.is_empty() || needle.len() > hay.len() {
        return None;
    }
    hay.windows(needle.len()).position(|window| window == needle)
}

/// Index of the candidate that the text names first, as whole words; where several start at the same word, the
/// longest. `None` if it names none.
pub fn first_named<S: AsRef<str>>(text: &str, candidates: &[S]) -> Option<usize> {
    let hay = words(text);
    candidates
        .iter()
        .enumerate()
        .filter_map(|(index, candidate)| {
            let needle = words(candidate.as_ref());
            find_words(&hay, &needle).map(|place| (place, std::cmp::Reverse(needle.len()), index))
        })
        .min()
        .map(|(_, _, index)| index)
}

/// Why a text cannot be read as an answer at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Incoherence {
    /// No letter or digit.
    Empty,
    /// The same four words in a row at least three times.
    Repetition,
}

/// Whether a text is too broken to be read: empty, or the same 4-gram of words three times.
pub fn incoherence(text: &str) -> Option<Incoherence> {
    let words = words(text);
    if words.is_empty() {
        return Some(Incoherence::Empty);
    }
    let mut counts = std::collections::BTreeMap::new();
    for gram in words.windows(4) {
        let count = counts.entry(gram).or_insert(0_u32);
        *count += 1;
        if *count == 3 {
            return Some(Incoherence::Repetition);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(input: &str, expected: &str) {
        assert_eq!(normalize(input), expected, "{input:?}");
    }

    #[test]
    fn normalizes() {
        check("The  Eiffel_Tower, in Paris!", "eiffel tower in paris");
        check("I don\u{2019}t know.", "i dont know");
        check("1,000.5 km", "1000.5 km");
        check("It is 3.", "it is 3");
        check("-5 degrees", "-5 degrees");
        check("10-12", "10 12");
        check("A, an, the", "");
        check("\u{3000}\u{00c9}t\u{00e9}", "\u{e9}t\u{e9}");
        check("- - -", "");
    }

    #[test]
    fn names_whole_words_only() {
        assert_eq!(first_named("There are 17 of them", &["7", "17"]), Some(1));
        assert_eq!(first_named("A caterpillar", &["cat", "dog"]), None);
        assert_eq!(first_named("Not London but Paris", &["Paris", "London"]), Some(1));
        assert_eq!(first_named("New York City", &["New York", "New York City"]), Some(1));
        assert_eq!(first_named("anything", &["", "the"]), None);
    }

    #[test]
    fn broken_text_is_told() {
        assert_eq!(incoherence(" \n.!"), Some(Incoherence::Empty));
        assert_eq!(
            incoherence("one two three four one two three four one two three four"),
            Some(Incoherence::Repetition)
        );
        assert_eq!(incoherence("one two three four one two three four"), None);
        assert_eq!(incoherence("Paris"), None);
    }
}
