//! The end of a decoded token: which one it is, and the step to the next.

use crate::gpu::kernel::{Access, Kernel};
use crate::gpu::recording::Recording;
use crate::gpu::tensor::{Layout, Tensor};

use super::{REDUCE, check_f32, check_state};

/// The shader.
pub static KERNEL: Kernel = Kernel {
    name: "draw",
    sources: &[REDUCE, include_str!("draw.wgsl")],
    bindings: &[Access::Read, Access::Write, Access::Write, Access::Write, Access::Read],
    params_size: 16,
};

/// Most alternatives that are reported for a token.
pub const MAX_TOP: usize = 10;
/// Most tokens that end an answer.
pub const MAX_STOP: usize = 14;
/// Words of `rule`: number of alternatives, number of stop tokens, the stop tokens.
pub const RULE_LEN: usize = 2 + MAX_STOP;
/// Words that a drawn token takes: id, number of logits that are not finite, log-probability, 0, then id and
/// log-probability of each alternative.
pub const DRAWN_LEN: usize = 4 + 2 * MAX_TOP;

/// The greedy token of `logits: F32[1, V]` (the first of equals) into row `state[2]` of `drawn: U32[N, DRAWN_LEN]` and
/// into `tokens: U32[1]`; then `state[0]` and `state[2]` move on by one, and a token that ends the answer sets
/// `state[1]`, the number of rows in use, to 0.
pub fn record(rec: &mut Recording, logits: &Tensor, drawn: &Tensor, tokens: &Tensor, rule: &Tensor, state: &Tensor) {
    check_state(rec, KERNEL.name, state);
    check_f32(rec, KERNEL.name, &[logits]);
    let words = |t: &Tensor| t.layout() == Layout::U32;
    let ok = logits.rows() == 1
        && !logits.is_empty()
        && words(drawn)
        && drawn.cols() == DRAWN_LEN
        && words(tokens)
        && words(rule)
        && rule.len() == RULE_LEN;
    rec.check(ok, KERNEL.name, || format!("{:?} into {:?}", logits.shape(), drawn.shape()));
    let params = [logits.cols() as u32, drawn.rows() as u32, DRAWN_LEN as u32, 0];
    let bindings = [(logits, 0), (drawn, 0), (state, 0), (tokens, 0), (rule, 0)];
    rec.dispatch(&KERNEL, &params, &bindings, [1, 1, 1]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::testing::*;

    #[test]
    fn draws_the_first_of_the_largest_with_alternatives_and_moves_on() {
        let gpu = gpu();
        for (v, offset) in [(5, 0.0), (257, -300.0), (49152, 30.0), (262_144, 0.0)] {
            let mut x: Vec<f32> = noise(v, 4).iter().map(|x| x * 8.0 + offset).collect();
            x[v / 3] = 9.0 + offset;
            x[v - 1] = 9.0 + offset;
            let logits = tensor(&gpu, &[1, v], &x);
            let (state, tokens) = (state(&gpu, 7, 1), tensor_u32(&gpu, &[3]));
            let drawn = gpu.create("drawn", &[2, DRAWN_LEN], Layout::U32).unwrap();
            let mut words = [0; RULE_LEN];
            words[..3].copy_from_slice(&[4, 1, v as u32 - 1]);
            let rule = tensor_u32(&gpu, &words);
            let mut rec = Recording::new();
            record(&mut rec, &logits, &drawn, &tokens, &rule, &state);
            gpu.submit(&crate::gpu::prepare(&gpu, &rec).unwrap(), 1).unwrap();
            let found = pollster::block_on(gpu.read_u32(&drawn, 0..DRAWN_LEN)).unwrap();
            assert_eq!(pollster::block_on(gpu.read_u32(&state, 0..4)).unwrap(), [8, 1, 1, 0]);
            assert_eq!(pollster::block_on(gpu.read_u32(&tokens, 0..1)).unwrap(), [v as u32 / 3]);
            let mut order: Vec<usize> = (0..v).collect();
            order.sort_by(|&a, &b| x[b].total_cmp(&x[a]).then(a.cmp(&b)));
            let lse = x.iter().map(|&l| f64::from(l - x[order[0]]).exp()).sum::<f64>().ln() + f64::from(x[order[0]]);
            assert_eq!((found[0], found[1]), (order[0] as u32, 0));
            for (rank, &id) in order.iter().enumerate().take(4) {
                let logprob = f64::from(f32::from_bits(found[5 + 2 * rank]));
                assert_eq!(found[4 + 2 * rank], id as u32, "{v} rank {rank}");
                assert!((logprob - (f64::from(x[id]) - lse)).abs() < 2e-5, "{v}: {logprob}");
            }
            assert_eq!(found[2], found[5]);
        }
    }

    #[test]
    fn a_stop_token_ends_the_use_of_rows_and_a_nan_is_counted() {
        let gpu = gpu();
        let mut x = noise(300, 4);
        x[7] = 100.0;
        x[9] = f32::NAN;
        x[11] = f32::INFINITY;
        let (logits, state, tokens) = (tensor(&gpu, &[1, 300], &x), state(&gpu, 0, 1), tensor_u32(&gpu, &[3]));
        let drawn = gpu.create("drawn", &[2, DRAWN_LEN], Layout::U32).unwrap();
        let mut words = [0; RULE_LEN];
        words[..4].copy_from_slice(&[0, 2, 5, 7]);
        let rule = tensor_u32(&gpu, &words);
        let mut rec = Recording::new();
        record(&mut rec, &logits, &drawn, &tokens, &rule, &state);
        let prepared = crate::gpu::prepare(&gpu, &rec).unwrap();
        gpu.submit(&prepared, 2).unwrap();
        // The second step finds no row in use and leaves everything as it is.
        assert_eq!(pollster::block_on(gpu.read_u32(&state, 0..4)).unwrap(), [1, 0, 1, 0]);
        let found = pollster::block_on(gpu.read_u32(&drawn, 0..2 * DRAWN_LEN)).unwrap();
        assert_eq!((found[0], found[1]), (7, 2));
        assert_eq!(found[DRAWN_LEN..], [0; DRAWN_LEN]);
    }
}
