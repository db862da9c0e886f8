//! Hierarchical clustering by average linkage (UPGMA, Sokal and Michener 1958), and the order of a heat map's rows.

use super::StatError;
use super::rdm::Rdm;

/// One joining of two clusters. Items are clusters 0 to n - 1; the k-th merge makes cluster n + k.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Merge {
    /// The cluster with the smaller number.
    pub first: usize,
    /// The other.
    pub second: usize,
    /// Mean dissimilarity of their items.
    pub height: f64,
    /// Items in the new cluster.
    pub size: usize,
}

/// Joins the two closest clusters until one is left. Of equally close pairs the one of the smallest numbers is joined.
///
/// # Errors
/// `Missing` unless every pair has a value.
pub fn average_linkage(rdm: &Rdm) -> Result<Vec<Merge>, StatError> {
    rdm.complete()?;
    let n = rdm.n_items();
    let mut between = rdm.square();
    // What stands in each row: a cluster's number and size.
    let mut rows: Vec<Option<(usize, usize)>> = (0..n).map(|item| Some((item, 1))).collect();
    let mut merges = Vec::with_capacity(n - 1);
    for step in 0..n - 1 {
        let mut best: Option<(f64, usize, usize, usize, usize)> = None;
        for i in 0..n {
            let Some((a, _)) = rows[i] else { continue };
            for j in i + 1..n {
                let Some((b, _)) = rows[j] else { continue };
                let height = between[i * n + j];
                let candidate = (height, a.min(b), a.max(b), i, j);
                if best.is_none_or(|best| (height, candidate.1, candidate.2) < (best.0, best.1, best.2)) {
                    best = Some(candidate);
                }
            }
        }
        let Some((height, first, second, i, j)) = best else { break };
        let (size_i, size_j) = (rows[i].map_or(0, |row| row.1), rows[j].map_or(0, |row| row.1));
        for k in 0..n {
            let mean =
                (size_i as f64 * between[i * n + k] + size_j as f64 * between[j * n + k]) / (size_i + size_j) as f64;
            between[i * n + k] = mean;
            between[k * n + i] = mean;
        }
        rows[i] = Some((n + step, size_i + size_j));
        rows[j] = None;
        merges.push(Merge { first, second, height, size: size_i + size_j });
    }
    Ok(merges)
}

/// The items from one end of the tree to the other, the cluster of the smaller number first: like items stand side by
/// side.
pub fn leaf_order(merges: &[Merge]) -> Vec<usize> {
    let n = merges.len() + 1;
    let mut order = Vec::with_capacity(n);
    let mut open = vec![n + merges.len() - 1];
    while let Some(cluster) = open.pop() {
        match cluster.checked_sub(n).and_then(|step| merges.get(step)) {
            Some(merge) => open.extend([merge.second, merge.first]),
            None => order.push(cluster),
        }
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_groups_stay_together() {
        let near = |i: usize, j: usize| if i % 2 == j % 2 { 1.0 + 0.01 * (i + j) as f64 } else { 5.0 };
        let values = (0..6).flat_map(|i| (i + 1..6).map(move |j| near(i, j))).collect();
        let merges = average_linkage(&Rdm::from_values(values).unwrap()).unwrap();
        let order = leaf_order(&merges);
        let parity: Vec<usize> = order.iter().map(|item| item % 2).collect();
        assert!(parity == [0, 0, 0, 1, 1, 1] || parity == [1, 1, 1, 0, 0, 0], "{order:?}");
        assert_eq!(merges.last().map(|merge| (merge.size, merge.height)), Some((6, 5.0)));
    }

    #[test]
    fn the_smallest_tree_has_two_leaves() {
        let merges = average_linkage(&Rdm::from_values(vec![2.0]).unwrap()).unwrap();
        assert_eq!(leaf_order(&merges), [0, 1]);
        assert!(average_linkage(&Rdm::from_values(vec![f64::NAN]).unwrap()).is_err());
    }
}
