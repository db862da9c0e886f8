//! The worker of statistics: fetched when two sets of similarities are compared.

fn main() {
    likewise::worker::analysis::serve();
}
