//! Layout of the database, as a list of steps that only ever grows: a browser that has version `n` takes the steps
//! after `n`. Data inside of records is versioned by each record's own `schema`.

use super::Collection;

/// Name of the database.
pub const DATABASE: &str = "likewise";
/// Index over `id`.
pub const BY_ID: &str = "id";
/// Index over `parent`.
pub const BY_PARENT: &str = "parent";

/// Where the records of one session lie, and the index that finds them by its id.
pub const OF_SESSION: [(Collection, &str); 5] = [
    (Collection::Sessions, BY_ID),
    (Collection::Judgments, BY_PARENT),
    (Collection::Packets, BY_ID),
    (Collection::Recruitments, BY_ID),
    (Collection::Deliveries, BY_ID),
];

/// One change of the layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// An object store of this collection: keys count up, indexes [`BY_ID`] and [`BY_PARENT`].
    Create(Collection),
}

/// The steps that lead to each version, from version 1.
pub const MIGRATIONS: &[&[Step]] = &[
    &[
        Step::Create(Collection::Runs),
        Step::Create(Collection::ItemResults),
        Step::Create(Collection::Sessions),
        Step::Create(Collection::Judgments),
        Step::Create(Collection::Settings),
    ],
    &[Step::Create(Collection::Verdicts)],
    &[Step::Create(Collection::Studies), Step::Create(Collection::Withdrawals)],
    &[Step::Create(Collection::References)],
    &[Step::Create(Collection::Packets)],
    &[Step::Create(Collection::Recruitments)],
    &[Step::Create(Collection::Deliveries)],
];

/// The newest version.
pub const fn version() -> u32 {
    MIGRATIONS.len() as u32
}

/// Steps from a version (0: no database yet) to the newest.
pub fn steps_after(version: u32) -> impl Iterator<Item = Step> {
    MIGRATIONS.iter().skip(version as usize).flat_map(|steps| steps.iter().copied())
}

/// Name of a collection's object store.
pub const fn store_name(collection: Collection) -> &'static str {
    match collection {
        Collection::Runs => "runs",
        Collection::ItemResults => "item_results",
        Collection::Sessions => "sessions",
        Collection::Judgments => "judgments",
        Collection::Settings => "settings",
        Collection::Verdicts => "verdicts",
        Collection::Studies => "studies",
        Collection::Withdrawals => "withdrawals",
        Collection::References => "references",
        Collection::Packets => "packets",
        Collection::Recruitments => "recruitments",
        Collection::Deliveries => "deliveries",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_migrations_make_one_store_for_each_collection() {
        let mut made: Vec<_> = steps_after(0).map(|Step::Create(collection)| collection).collect();
        made.sort_unstable();
        let mut all = Collection::ALL.to_vec();
        all.sort_unstable();
        assert_eq!(made, all);
        assert_eq!(steps_after(version()).count(), 0);
        let names: std::collections::BTreeSet<_> = all.into_iter().map(store_name).collect();
        assert_eq!(names.len(), Collection::ALL.len());
    }
}
