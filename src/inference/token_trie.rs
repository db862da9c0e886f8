//! A set of allowed answers as a tree of tokens.

use std::collections::BTreeMap;

/// The root's number.
pub const ROOT: usize = 0;

#[derive(Debug, Default)]
struct Node {
    next: BTreeMap<u32, usize>,
    ends: bool,
}

/// Token sequences, merged where they begin alike. Nodes are numbered; [`ROOT`] has read nothing.
#[derive(Debug)]
pub struct TokenTrie {
    nodes: Vec<Node>,
}

impl TokenTrie {
    /// The tree of some sequences; an empty one allows the empty answer.
    pub fn new<'a>(sequences: impl IntoIterator<Item = &'a [u32]>) -> Self {
        let mut nodes = vec![Node::default()];
        for sequence in sequences {
            let mut at = ROOT;
            for &id in sequence {
                let fresh = nodes.len();
                at = *nodes[at].next.entry(id).or_insert(fresh);
                if at == fresh {
                    nodes.push(Node::default());
                }
            }
            nodes[at].ends = true;
        }
        Self { nodes }
    }

    /// Tokens that may follow, in ascending order.
    pub fn next(&self, node: usize) -> impl Iterator<Item = u32> {
        self.nodes.get(node).into_iter().flat_map(|node| node.next.keys().copied())
    }

    /// Where a token leads; `None` if it may not follow.
    pub fn step(&self, node: usize, id: u32) -> Option<usize> {
        self.nodes.get(node)?.next.get(&id).copied()
    }

    /// Whether a sequence ends here (a longer one may go on).
    pub fn ends(&self, node: usize) -> bool {
        self.nodes.get(node).is_some_and(|node| node.ends)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_given_sequences_can_be_walked() {
        let sequences: [&[u32]; 4] = [&[1], &[1, 0], &[2, 7, 7], &[1]];
        let trie = TokenTrie::new(sequences);
        let next = |node| trie.next(node).collect::<Vec<_>>();
        assert_eq!(next(ROOT), [1, 2]);
        assert!(!trie.ends(ROOT));
        let one = trie.step(ROOT, 1).unwrap();
        assert!(trie.ends(one));
        assert_eq!(next(one), [0]);
        let ten = trie.step(one, 0).unwrap();
        assert!(trie.ends(ten) && next(ten).is_empty());
        assert_eq!(trie.step(ROOT, 7), None);
        let two = trie.step(ROOT, 2).unwrap();
        assert!(!trie.ends(two) && next(two) == [7]);
        assert!(next(99).is_empty() && !trie.ends(99));
    }
}
